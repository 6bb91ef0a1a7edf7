import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { getHeapStatistics } from 'node:v8'

import { type Duration, durationMs } from '../duration.ts'
import { invalid } from '../errors.ts'
import { createTopic } from '../events.ts'
import { atMost } from '../redis/endings.ts'
import {
  streamLeave,
  streamLook,
  streamOpen,
  streamReap,
  streamRenew,
  streamSettle,
} from '../redis/scripts.gen.ts'
import type { StandardSchema } from '../standard-schema.ts'
import { cut, errorText, printable } from '../text.ts'
import { type Arrival, type Handed, type Held, toHeld } from './delivery.ts'
import { createHandling } from './handling.ts'
import { createHandout, LONGEST_WAIT_MS } from './handout.ts'
import { createIntake } from './intake.ts'
import { createLane, type Outcome } from './lane.ts'
import { abort, createLeases } from './leases.ts'
import { createLooker, type Looked } from './look.ts'
import { isNeverRetry } from './never-retry.ts'
import { createPace, memoryBudget } from './pace.ts'
import type { Scope } from './scope.ts'
import type { WorkerSettings } from './settings.ts'
import type { DeathKind, Worker, WorkerEvent } from './types.ts'

export interface WorkerParts<T> {
  readonly group: string
  readonly schema: StandardSchema<unknown, T> | undefined
  readonly handle: (deliveries: readonly Handed<T>[]) => unknown
  readonly errorAt: (outcome: unknown, at: number) => unknown
}

/** After so long without a sign of life the consumer of a process that died is forgotten, if nothing is pending for it. */
const SILENT_MS = 300_000
const REAP_EVERY_MS = 600_000

/** How long a worker that is being closed waits for its handlers. */
const CLOSE_MS = 10_000
/** How long one with nothing in hand waits for each answer of a Redis that is away. */
const CLOSING_MS = 500

/** Outcomes under way at which no more is fetched. */
const MOST_UNTOLD = 2000

/**
 * Starts a worker: it fetches entries of its group, runs the handler and tells Redis how each ended.
 *
 * Every step that ends a delivery (finish, retry, give back, dead letter) is fenced in Redis by the position and the consumer's
 * name, so that a worker whose lease ran out changes nothing. The moments at which a process may die: before the
 * handler ran or while it runs (the lease runs out, the entry is handled again), after the handler and before its outcome is told
 * (handled again: at least once), after (done).
 */
export function createWorker<T>(scope: Scope, parts: WorkerParts<T>, settings: WorkerSettings): Worker {
  const { space, keys, route, declared, title } = scope
  const { runtime } = space
  const patience = runtime.createPatience()
  const bind: Scope['bind'] = (script, shared) =>
    runtime.bind(script, shared, undefined, title, undefined, patience)
  const { group, schema, handle, errorAt } = parts
  const { concurrency, leaseMs, maxAttempts, batch, backoffMs } = settings
  const consumer = `${cut(hostname(), 32)}-${process.pid}-${randomUUID().slice(0, 8)}`
  const stream = scope.key
  const ready = keys.ready(scope.stream, group)
  const later = keys.later(scope.stream, group)
  const dead = keys.deadLetters(scope.stream, group)
  const paused = keys.paused(scope.stream, group)
  const mark = keys.mark(scope.stream, consumer)
  const open = bind(streamOpen, [])
  const settle = bind(streamSettle, [group, consumer, declared])
  const renew = bind(streamRenew, [group, consumer])
  const look = bind(streamLook, [group, consumer, declared, leaseMs, maxAttempts])
  const reap = bind(streamReap, [])
  const leave = bind(streamLeave, [group, consumer, declared])
  const leaveSoon = runtime.bind(
    streamLeave,
    [group, consumer, declared],
    CLOSING_MS,
    title,
    undefined,
    patience,
  )

  const topic = createTopic<WorkerEvent>('penknife:worker', {
    space: space.name,
    stream: scope.stream,
    group,
    consumer,
  })
  const pace = createPace()
  const budget = memoryBudget(getHeapStatistics().heap_size_limit)
  let warned = false
  let isPaused = false
  let closing: Promise<void> | undefined
  /** An outcome did not reach Redis before this worker closed. */
  let untold = false
  /** Arrivals so far. */
  let order = 0

  const lane = createLane({
    settle: (number, finished, moves) =>
      settle(route, stream, ready, later, dead, mark, number, finished, moves),
    told,
    lost,
    abandoned(held) {
      untold ||= closing !== undefined
      lost(held)
    },
    trouble,
  })
  const leases = createLeases({
    leaseMs,
    renew: (own, positions, started) => renew(route, own ? ready : stream, positions, started ? 1 : 0),
    lost,
    expired,
    renewed: () => handout.go(),
  })
  const handout = createHandout({
    concurrency,
    batch,
    maxAttempts,
    pace,
    leases,
    stopped,
    run: (some) => handling.run(some),
    giveBack: (held, why) => lane.tell(held, { to: 'ready', used: held.attempt - 1, why }),
  })
  const handling = createHandling<T>({
    place: { stream, ready, group, consumer },
    schema,
    timeoutMs: settings.timeoutMs,
    handle,
    errorAt,
    started(held) {
      if (topic.heard) topic.emit({ kind: 'started', ...of(held) })
    },
    done: (held) => lane.tell(held),
    failed,
    late: (held) => lane.tell(held, { to: 'ready', used: held.attempt - 1, why: 'expired' }),
    free(entries) {
      handout.ended(entries)
      intake.roomMade()
    },
  })
  const looker = createLooker({
    leaseMs,
    async look(fromStream, fromReady) {
      // A process that slept or computed must not take for abandoned what it has itself.
      if (leases.overdue(performance.now())) await leases.refresh()
      return (await look(route, stream, ready, later, dead, paused, fromStream, fromReady)) as Looked
    },
    found(id, attempt, fence, isDead) {
      const which = { id, attempt, fence }
      if (topic.heard) topic.emit({ kind: 'recovered', ...which })
      if (isDead) buried(which, 'vanished', new Error(`the workers of ${attempt} attempts vanished`))
    },
    unreadable: (id) =>
      buried(
        { id, attempt: 0, fence: 0 },
        'invalid',
        new Error('what waited for its time could not be read'),
      ),
    paused: pause,
    trouble,
  })
  const intake = createIntake(space, {
    stream,
    ready,
    group,
    consumer,
    // A group that was there and is gone begins at the oldest entry: nothing is skipped.
    async open(again) {
      const now = await open(route, stream, ready, paused, group, again ? '0' : settings.from)
      // Before the first read: a paused group's entries stay where they are.
      pause(now === 1)
      reapConsumers()
    },
    room,
    most: budget.entriesPerRead,
    arrived,
    snapshot: leases.snapshot,
    trouble,
    resumed: () => topic.emit({ kind: 'resumed' }),
  })
  // A message may be lost with its connection, so a look follows each time that the channel is followed again.
  const lookNow = (): void => looker.within(0)
  const unfollow = runtime.subscriber.follow(route, keys.pausing(scope.stream, group), {
    message: lookNow,
    followed: lookNow,
  })
  const reaping = setInterval(reapConsumers, REAP_EVERY_MS)
  const forget = runtime.onClose((ms) => close(Math.min(ms, CLOSE_MS)))

  /** Why nothing may be started. */
  function stopped(): 'closing' | 'paused' | undefined {
    return closing ? 'closing' : isPaused ? 'paused' : undefined
  }

  /** Entries to ask for now: enough to be worth a read, or what a free place needs. */
  function room(): number {
    if (lane.waiting > MOST_UNTOLD) return 0
    const { waiting, running, suspects } = handout
    // They start one after another, so that a worker with many of them leaves the rest to others.
    if (suspects >= concurrency * batch) return 0
    const all = concurrency * batch + pace.ahead
    // With nothing in hand one is taken, whatever its length.
    const fits = Math.max(
      leases.size === 0 ? 1 : 0,
      Math.floor((budget.heldLength - leases.length) / (pace.meanLength + 1)),
    )
    const free = Math.min(all - running - waiting, pace.startsIn(LONGEST_WAIT_MS) * batch - waiting, fits)
    return waiting === 0 || free >= all / 2 ? free : 0
  }

  function arrived(arrivals: readonly Arrival[], asked: number, heldSince: number): void {
    if (arrivals.length === 0) return
    let length = 0
    let suspects = 0
    for (const arrival of arrivals) {
      const held = toHeld(arrival, ++order, heldSince, heldSince + leaseMs)
      length += held.json?.length ?? 0
      leases.add(held)
      if (held.due !== undefined) lane.tell(held, { to: 'at', dueMs: held.due })
      else if (held.attempt > maxAttempts) {
        const error = new Error(`handled ${held.attempt - 1} times without being finished`)
        lane.tell(held, { to: 'dead', why: 'vanished', error })
      } else {
        if (held.suspect) suspects += 1
        handout.push(held)
      }
    }
    pace.arrived(arrivals.length, length)
    // A read brings up to what was asked for from each of its two streams: a slow worker leaves the rest to others.
    const over = arrivals.length - suspects - asked
    const why = stopped()
    if (why) handout.shed(0, 0, why)
    else if (over > pace.ahead) handout.shed(handout.waiting - over, handout.suspects, 'busy')
    // The intake sends its next read first.
    queueMicrotask(handout.go)
  }

  function failed(held: Held, error: unknown, ran: boolean): void {
    const { attempt } = held
    if (topic.heard) topic.emit({ kind: 'failed', ...of(held), error })
    if (held.stage !== 'running') return
    if (!ran) lane.tell(held, { to: 'dead', why: 'invalid', error })
    else if (isNeverRetry(error)) lane.tell(held, { to: 'dead', why: 'never-retry', error })
    else if (attempt >= maxAttempts) lane.tell(held, { to: 'dead', why: 'failed', error })
    else lane.tell(held, { to: 'later', delayMs: backoffMs(attempt) })
  }

  /** Redis knows how it ended, or another has it. */
  function gone(held: Held): void {
    intake.roomMade()
    if (held.suspect) handout.go()
  }

  function told({ held, move }: Outcome): void {
    leases.delete(held)
    held.stage = 'over'
    if (move?.to === 'later') looker.within(move.delayMs + 1)
    // By Redis' clock, which the look asks: this process' own may be wrong.
    if (move?.to === 'at') looker.within(0)
    if (move?.to === 'dead') buried(of(held), move.why, move.error)
    else if (topic.heard) {
      const which = of(held)
      if (!move) topic.emit({ kind: 'done', ...which })
      else if (move.to === 'later') topic.emit({ kind: 'retrying', ...which, delayMs: move.delayMs })
      else if (move.to === 'at') topic.emit({ kind: 'delayed', id: held.id, untilMs: move.dueMs })
      else topic.emit({ kind: 'returned', ...which, why: move.why })
    }
    gone(held)
  }

  function buried(which: Which, why: DeathKind, error: unknown): void {
    if (!topic.heard) warn(`gave up on entry ${which.id}`, error)
    topic.emit({ kind: 'dead', ...which, why, error })
  }

  function lost(held: Held): void {
    leases.delete(held)
    if (held.stage === 'over') return
    abort(held, new Error(`the lease of entry ${held.id} was lost`))
    topic.emit({ kind: 'lost', ...of(held) })
    gone(held)
  }

  /**
   * As `lost`; but Redis may still have it as this worker's. It is given back with its attempt used, once Redis is
   * there: handled again under the same fencing number it would be two deliveries that no store can tell apart.
   */
  function expired(held: Held): void {
    const { id, attempt, stage } = held
    abort(held, new Error(`the lease of entry ${id} ended while Redis did not answer`))
    topic.emit({ kind: 'lost', ...of(held) })
    lane.tell(held, { to: 'ready', used: stage === 'running' ? attempt : attempt - 1, why: 'expired' })
    held.stage = 'over'
    gone(held)
  }

  function pause(now: boolean): void {
    if (now === isPaused) return
    isPaused = now
    topic.emit({ kind: now ? 'paused' : 'unpaused' })
    if (now) handout.shed(0, 0, 'paused')
    intake.pause(now)
  }

  /** Forgets those of processes that died. It can wait: what goes wrong here goes wrong elsewhere, too. */
  function reapConsumers(): void {
    reap(route, stream, ready, group, SILENT_MS).catch(() => {})
  }

  function trouble(error: unknown): void {
    if (!topic.heard) warn('is in trouble', error)
    topic.emit({ kind: 'trouble', error })
  }

  /** What nobody listens to is said once, so that a worker does not fail in silence. */
  function warn(what: string, error: unknown): void {
    if (warned) return
    warned = true
    const name = `worker of ${scope.stream}/${group}`
    process.emitWarning(
      `${name} ${what}: ${printable(errorText(error), 1000)}; worker.on(…) tells all`,
      'PenknifeWarning',
    )
  }

  async function end(deadlineMs: number): Promise<void> {
    // With nothing in hand there is nothing that a Redis which is away must be told.
    const idle = handout.running + leases.size === 0
    if (idle) patience.end(CLOSING_MS)
    unfollow()
    const fetching = Promise.all([intake.stop(), looker.stop()])
    await (idle ? atMost(CLOSING_MS, fetching) : fetching)
    handout.stop()
    handout.shed(0, 0, 'closing')
    await handout.idle(deadlineMs)
    handling.stop()
    for (const held of leases.all()) {
      if (held.stage !== 'running') continue
      abort(held, new Error('the worker was closed'))
      // The handler did not fail: closing takes no attempt, or as many deploys would make a dead letter of it.
      lane.tell(held, { to: 'ready', used: held.attempt - 1, why: 'unfinished' })
    }
    lane.hurry()
    await lane.drained()
    patience.end(0)
    leases.stop()
    clearInterval(reaping)
    // What was handled and not told must not come back as if it had not been handled: its lease runs out, which counts.
    try {
      const leaving = idle ? leaveSoon : leave
      if (!untold) while ((await leaving(route, stream, ready, later, mark)) > 0);
    } catch (error) {
      trouble(error)
    }
    forget()
  }

  async function close(deadline: Duration = CLOSE_MS): Promise<void> {
    const deadlineMs = durationMs('deadline', deadline, { min: 0 })
    return (closing ??= end(deadlineMs))
  }

  return { group, consumer, on: (listener) => topic.on(listener), close }
}

/** A delivery, as events name it. */
interface Which {
  readonly id: string
  readonly attempt: number
  readonly fence: number
}

function of({ id, attempt, fence }: Held): Which {
  return { id, attempt, fence }
}

/** A worker handles one entry to a call, or several. */
export function checkHandler(handler: unknown): void {
  if (typeof handler !== 'function') throw invalid('handler', handler, 'give a function')
}
