import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'

import { durationMs } from '../duration.ts'
import { invalid, OUTAGES, PenknifeError } from '../errors.ts'
import { createTopic } from '../events.ts'
import { checkOptions, wholeNumber } from '../options.ts'
import type { Space } from '../redis/penknife.ts'
import { streamBury, streamFinish, streamLease } from '../redis/scripts.gen.ts'
import { toEntry } from './entries.ts'
import { createIntake, type Arrival } from './intake.ts'
import type { Handler, Worker, WorkerEvent, WorkerOptions } from './types.ts'

/** An entry under lease. */
interface Held {
  readonly id: string
  readonly attempt: number
  readonly control: AbortController
  /** Its outcome is on the way to Redis: the heartbeat lets it be. */
  ending: boolean
  /** By the clock of this process; after it another worker may have the entry. */
  leaseEndsAt: number
}

/** The longest reason that goes into a dead letter. */
const LONGEST_REASON = 1000
/** Before an outcome that did not reach Redis is told again. */
const RETRY_MS = 200

/**
 * Starts a worker: it fetches entries of its group, runs the handler and finishes what the handler resolved.
 *
 * Every step that ends a delivery (finish, retry, dead letter) is fenced in Redis by the consumer's name and the
 * number of deliveries, so that a worker whose lease ran out changes nothing. The moments at which a process may
 * die: before the handler ran or while it runs (the lease runs out, another worker gets the entry), after the
 * handler and before the finish (the entry is handled again: at least once), after the finish (done).
 */
export function createWorker<T>(
  space: Space,
  stream: string,
  group: string,
  handler: Handler<T>,
  options: WorkerOptions,
): Worker {
  if (typeof handler !== 'function') throw invalid('handler', handler, 'give a function')
  checkOptions('worker', options, ['concurrency', 'lease', 'retryDelay', 'maxAttempts'])
  const concurrency = wholeNumber('concurrency', options.concurrency ?? 10, 1, 1000)
  // Redis takes whole milliseconds.
  const leaseMs = Math.round(durationMs('lease', options.lease ?? 30_000, { min: 100, max: 86_400_000 }))
  // An entry that waits to be tried again is under lease: the lease bounds the wait.
  const retryDelayMs = Math.round(
    durationMs('retryDelay', options.retryDelay ?? Math.min(1000, leaseMs), { min: 0, max: leaseMs }),
  )
  const maxAttempts = wholeNumber('maxAttempts', options.maxAttempts ?? 5, 1, 1000)

  const { keys, bind, onClose } = space.runtime
  const { route } = keys
  const key = keys.stream(stream)
  const dead = keys.deadLetters(stream, group)
  const consumer = `${hostname().slice(0, 32)}-${process.pid}-${randomUUID().slice(0, 8)}`
  const finish = bind(streamFinish, [])
  const lease = bind(streamLease, [])
  const bury = bind(streamBury, [])
  const topic = createTopic<WorkerEvent>('penknife:worker')
  let warned = false
  const held = new Set<Held>()
  let idle: (() => void) | undefined
  let closing: Promise<void> | undefined

  const intake = createIntake(space, {
    key,
    group,
    consumer,
    leaseMs,
    room: () => concurrency - held.size,
    arrived: (arrival) => void work(arrival),
    trouble,
  })
  const heartbeat = setInterval(renewAll, leaseMs / 3)
  const forget = onClose(() => close())

  function trouble(error: unknown): void {
    if (!topic.heard) warn('is in trouble', error)
    topic.emit({ kind: 'trouble', error })
  }

  /** What nobody listens to is said once, so that a worker does not fail in silence. */
  function warn(what: string, error: unknown): void {
    if (warned) return
    warned = true
    const name = `worker of ${stream}/${group}`
    process.emitWarning(`${name} ${what}: ${String(error)}; worker.on(…) tells all`, 'PenknifeWarning')
  }

  async function work({ id, attempt, fields, heldSince }: Arrival): Promise<void> {
    const mine: Held = {
      id,
      attempt,
      control: new AbortController(),
      ending: false,
      leaseEndsAt: heldSince + leaseMs,
    }
    held.add(mine)
    try {
      if (attempt > 1) topic.emit({ kind: 'recovered', id, attempt })
      if (attempt > maxAttempts) {
        const error = new Error(`delivered ${attempt - 1} times without being finished`)
        await giveUp(mine, error)
        return
      }
      await handle(mine, fields)
    } catch (error) {
      // The outcome did not reach Redis: the lease runs out and the entry is delivered again.
      trouble(error)
    } finally {
      held.delete(mine)
      if (held.size === 0) idle?.()
      intake.roomMade()
    }
  }

  async function handle(mine: Held, fields: readonly string[]): Promise<void> {
    const { id, attempt, control } = mine
    try {
      const entry = toEntry<T>(id, fields)
      await handler({ ...entry, attempt, signal: control.signal })
    } catch (error) {
      topic.emit({ kind: 'failed', id, attempt, error })
      if (control.signal.aborted) return
      if (attempt >= maxAttempts) return giveUp(mine, error)
      // Let the lease run out sooner: whoever looks then tries again.
      const idleMs = leaseMs - retryDelayMs
      if (await insist(mine, () => lease(route, key, group, consumer, id, attempt, idleMs)))
        intake.lookAfter(retryDelayMs)
      else lost(mine)
      return
    }
    // A handler may return because it was told to stop: that is not done.
    if (control.signal.aborted) return
    const finished = await insist(mine, () => finish(route, key, group, consumer, id, attempt))
    if (finished) topic.emit({ kind: 'done', id, attempt })
    else lost(mine)
  }

  async function giveUp(mine: Held, error: unknown): Promise<void> {
    const reason = (error instanceof Error ? error.message : String(error)).slice(0, LONGEST_REASON)
    const { id, attempt } = mine
    if (await insist(mine, () => bury(route, key, dead, group, consumer, id, attempt, reason))) {
      if (!topic.heard) warn(`gave up on entry ${id}`, error)
      topic.emit({ kind: 'dead', id, attempt, error })
    } else lost(mine)
  }

  /**
   * Tells Redis the outcome, again while Redis is away and the lease may hold: a short outage must not have the
   * entry handled twice. The fence makes the repetition harmless; after an attempt of unknown fate a 0 can also
   * mean that it was this worker that ended the entry.
   */
  async function insist(mine: Held, end: () => Promise<number>): Promise<boolean> {
    mine.ending = true
    for (;;) {
      try {
        return (await end()) === 1
      } catch (error) {
        const outage = error instanceof PenknifeError && OUTAGES.has(error.code)
        if (!outage || performance.now() + RETRY_MS > mine.leaseEndsAt) throw error
      }
      await delay(RETRY_MS)
    }
  }

  function lost(mine: Held): void {
    if (mine.control.signal.aborted) return
    mine.control.abort(new Error(`the lease of entry ${mine.id} was lost`))
    topic.emit({ kind: 'lost', id: mine.id, attempt: mine.attempt })
  }

  /** One heartbeat for all the leases: one script call. */
  function renewAll(): void {
    const askedAt = performance.now()
    for (const mine of held) {
      if (mine.ending || mine.control.signal.aborted) continue
      lease(route, key, group, consumer, mine.id, mine.attempt, 0).then(
        (kept) => {
          if (kept) mine.leaseEndsAt = askedAt + leaseMs
          else if (held.has(mine) && !mine.ending) lost(mine)
        },
        () => performance.now() > mine.leaseEndsAt && held.has(mine) && lost(mine),
      )
    }
  }

  async function close(deadline: WorkerOptions['lease'] = 10_000): Promise<void> {
    const deadlineMs = durationMs('deadline', deadline, { min: 0 })
    closing ??= (async () => {
      await intake.stop()
      if (held.size > 0) {
        let timer: NodeJS.Timeout | undefined
        const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, deadlineMs)))
        await Promise.race([new Promise<void>((resolve) => (idle = resolve)), late])
        clearTimeout(timer)
      }
      clearInterval(heartbeat)
      for (const mine of held) mine.control.abort(new Error('the worker was closed'))
      await intake.leave()
      forget()
    })()
    return closing
  }

  return { group, consumer, on: (listener) => topic.on(listener), close }
}
