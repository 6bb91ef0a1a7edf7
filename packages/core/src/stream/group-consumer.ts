import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'

import { type Duration, durationMs } from '../duration.ts'
import { atMost } from '../redis/endings.ts'
import { cut } from '../text.ts'
import { createDeliveries, type Deliveries } from './deliveries.ts'
import type { LeasedEntry } from './leased-entry.ts'
import { createMaintenance } from './maintenance.ts'
import { createReader } from './reader.ts'
import type { Scope } from './scope.ts'
import type { WorkerSettings } from './settings.ts'
import { createWorkerEvents, type WorkerEvents } from './worker-events.ts'
import { bindWorkerScripts, CLOSING_MS } from './worker-scripts.ts'

export interface GroupConsumerOptions {
  readonly group: string
  readonly settings: Pick<WorkerSettings, 'leaseMs' | 'maxAttempts' | 'backoffMs' | 'from'>
  /** Entries of one read from each source at the most. */
  readonly entriesPerRead: number
  /** How many entries to fetch now. */
  readonly room: () => number
  /** Takes the entries of a read that asked for so many of each source: those that are 'waiting' may be started. */
  readonly take: (entries: readonly LeasedEntry[], asked: number) => void
  /** The group was paused: gives back what was not started. */
  readonly paused: () => void
  /** Something that waits may be able to start now: a heartbeat was answered, or a suspect ended. */
  readonly resume: () => void
  /** Whether anything is started still, whatever became of its lease. */
  readonly busy: () => boolean
  /** Gives back what was not started, and waits for the rest at most so long. */
  readonly finishAll: (deadlineMs: number) => Promise<void>
}

/**
 * Fetches entries of a group under a consumer name of its own, keeps their leases, and brings their outcomes to Redis. It
 * leaves open what handles the entries: a worker calls handlers, a loop of the application may ask for one after another.
 */
export interface GroupConsumer extends Pick<Deliveries, 'leases' | 'start' | 'finish' | 'fail' | 'giveBack'> {
  /** Its consumer name. */
  readonly name: string
  readonly sourceKeys: readonly string[]
  readonly events: WorkerEvents
  /** Why nothing may be started. */
  stopped(): 'closing' | 'paused' | undefined
  /** There may be room for more entries. */
  roomMade(): void
  close(deadline?: Duration): Promise<void>
}

/** The consumer of a process that died is forgotten after so long without a sign of life, if nothing is pending for it. */
const SILENT_MS = 300_000
const FORGET_EVERY_MS = 600_000
/** How long a close waits for handlers. */
const CLOSE_MS = 10_000
/** Outcomes that Redis does not have yet at which no more is fetched. */
const MOST_UNSETTLED = 2000

/**
 * Every step that ends a delivery (finish, retry, give back, dead letter) is fenced in Redis by the position and the
 * consumer's name, so that a consumer whose lease ran out changes nothing. The moments at which a process may die: before
 * the handler ran or while it runs (the lease runs out, the entry is handled again), after the handler and before Redis has
 * its outcome (handled again: at least once), after that (done).
 */
export function createGroupConsumer(scope: Scope, options: GroupConsumerOptions): GroupConsumer {
  const { space, keys, route, runtime, stream } = scope
  const { group, settings, entriesPerRead, room, take, paused, resume, busy, finishAll } = options
  const name = `${cut(hostname(), 32)}-${process.pid}-${randomUUID().slice(0, 8)}`
  const scripts = bindWorkerScripts(scope, group, name, settings)
  const { sourceKeys } = scripts
  const events = createWorkerEvents({ space: space.name, stream, group, consumer: name })
  const { trouble } = events
  let isPaused = false
  let closing: Promise<void> | undefined
  /** An outcome did not reach Redis since the close began. */
  let abandoned = false

  const deliveries = createDeliveries({
    settings,
    scripts,
    events,
    dueIn: (ms) => maintenance.within(ms),
    ended(entry) {
      reader.roomMade()
      if (entry.suspect) resume()
    },
    abandoned: () => void (abandoned ||= closing !== undefined),
    renewed: resume,
  })
  const { leases, start, finish, fail, giveBack } = deliveries
  const maintenance = createMaintenance({
    leaseMs: settings.leaseMs,
    async check(fromStream, fromReady) {
      // A process that slept or computed must not take its own entries for abandoned.
      if (leases.overdue(performance.now())) await leases.refresh()
      return scripts.check(fromStream, fromReady)
    },
    takenOver(delivery, isDead) {
      events.recovered(delivery)
      if (!isDead) return
      events.dead(delivery, 'vanished', new Error(`the workers of ${delivery.attempt} attempts vanished`))
    },
    unreadable(id) {
      const error = new Error('what waited for its time could not be read')
      events.dead({ id, attempt: 0, fence: 0 }, 'invalid', error)
    },
    paused: pause,
    trouble,
  })
  const reader = createReader(space, {
    sourceKeys,
    group,
    consumer: name,
    async open(again) {
      // A group that was there and is gone begins at the oldest entry: nothing is skipped. A paused group's entries stay
      // where they are, so this comes before the first read.
      pause(await scripts.open(again ? '0' : settings.from))
      forgetConsumers()
    },
    room: () => (isPaused || deliveries.unsettled > MOST_UNSETTLED ? 0 : room()),
    most: entriesPerRead,
    fetched(entries, asked, leasedSince) {
      if (entries.length > 0) take(deliveries.admit(entries, leasedSince), asked)
    },
    snapshot: leases.snapshot,
    trouble,
    resumed: events.resumed,
  })
  // A message may be lost with its connection, so a check follows each time that the channel is followed again.
  const checkNow = (): void => maintenance.within(0)
  const unfollow = runtime.subscriber.follow(route, keys.pausing(stream, group), {
    message: checkNow,
    followed: checkNow,
  })
  const forgetting = setInterval(forgetConsumers, FORGET_EVERY_MS)
  const offClose = runtime.onClose((ms) => close(Math.min(ms, CLOSE_MS)))

  function pause(now: boolean): void {
    if (now === isPaused) return
    isPaused = now
    events.paused(now)
    if (now) paused()
    reader.roomMade()
  }

  /** Forgets those of processes that died. It can wait: what goes wrong here goes wrong elsewhere, too. */
  function forgetConsumers(): void {
    scripts.forgetConsumers(SILENT_MS).catch(() => {})
  }

  async function end(deadlineMs: number): Promise<void> {
    // With no entry there is no outcome for which to wait until a Redis that is away is back.
    const idle = leases.size === 0 && !busy()
    if (idle) scripts.endWaiting(CLOSING_MS)
    unfollow()
    const fetching = Promise.all([reader.stop(), maintenance.stop()])
    await (idle ? atMost(CLOSING_MS, fetching) : fetching)
    await finishAll(deadlineMs)
    await deliveries.end()
    scripts.endWaiting(0)
    leases.stop()
    clearInterval(forgetting)
    try {
      const leave = idle ? scripts.leaveSoon : scripts.leave
      // An entry whose outcome is lost must not come back as if it had not been handled: its lease runs out, which counts.
      if (!abandoned) while ((await leave()) > 0);
    } catch (error) {
      trouble(error)
    }
    offClose()
  }

  async function close(deadline: Duration = CLOSE_MS): Promise<void> {
    const deadlineMs = durationMs('deadline', deadline, { min: 0 })
    return (closing ??= end(deadlineMs))
  }

  return {
    name,
    sourceKeys,
    events,
    leases,
    start,
    finish,
    fail,
    giveBack,
    stopped: () => (closing ? 'closing' : isPaused ? 'paused' : undefined),
    roomMade: reader.roomMade,
    close,
  }
}
