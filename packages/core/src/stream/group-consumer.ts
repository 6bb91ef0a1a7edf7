import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'

import { durationMs } from '../duration.ts'
import { checkOptions } from '../options.ts'
import { createCommitter } from '../record/committer.ts'
import type { Effect } from '../record/effect.ts'
import type { CommitAnswer } from '../record/types.ts'
import { traced } from '../traced.ts'
import { atMost } from '../redis/endings.ts'
import { cut } from '../text.ts'
import { createAnnouncer } from './announcer.ts'
import { isUnsettled } from './delivery-state.ts'
import { createDeliveries, type Deliveries } from './deliveries.ts'
import { createDeliveryTraces, type DeliveryTraces } from './delivery-traces.ts'
import type { LeasedEntry } from './leased-entry.ts'
import { createOwnFetcher, createSharedFetcher } from './fetcher.ts'
import { createLowEntries } from './low-entries.ts'
import { createMaintenance } from './maintenance.ts'
import { createPausing } from './pausing.ts'
import { startPlaceCheck } from './place-check.ts'
import { createReader } from './reader.ts'
import type { Runs } from './runs.ts'
import { SOURCES } from './sources.ts'
import { LOW, PAUSED, RESET, type Scope } from './scope.ts'
import type { WorkerSettings } from './settings.ts'
import { createWorkerEvents, type WorkerEvents } from './worker-events.ts'
import { bindWorkerScripts, CLOSING_MS } from './worker-scripts.ts'
import type { WorkerCloseOptions } from './worker-types.ts'

export interface GroupConsumerOptions {
  readonly group: string
  readonly settings: Pick<
    WorkerSettings,
    'batched' | 'leaseMs' | 'maxAttempts' | 'backoffMs' | 'timeoutMs' | 'from' | 'connection'
  >
  /** Most entries of one read from each source. */
  readonly entriesPerRead: number
  /** How many entries to fetch now. */
  readonly room: () => number
  /** Takes the entries of a read that asked for `asked` entries of each source. Those that are 'waiting' may be started. */
  readonly take: (entries: readonly LeasedEntry[], asked: number) => void
  /** With order by key. */
  readonly runs?: Runs | undefined
  /** Called when the group or this worker is paused: gives back the entries that were not started. */
  readonly paused: () => void
  /** Called when waiting entries may start: after Redis answered a heartbeat, a suspect ended, or a pause ended. */
  readonly resume: () => void
  /** Whether a handler still runs, even one without a lease. */
  readonly busy: () => boolean
  /** Called when an entry has ended here. */
  readonly ended?: ((entry: LeasedEntry) => void) | undefined
  /** Gives back the entries that were not started, and waits for the handlers up to the deadline. */
  readonly finishAll: (deadlineMs: number) => Promise<void>
}

/**
 * Fetches entries of a group under its own consumer name, renews their leases, and sends their outcomes to Redis. It does not handle
 * the entries: a worker calls handlers with them; a loop could take one after another.
 */
export interface GroupConsumer extends Pick<
  Deliveries,
  | 'leases'
  | 'start'
  | 'finish'
  | 'fail'
  | 'giveBack'
  | 'progress'
  | 'write'
  | 'setAside'
  | 'wasSetAside'
  | 'gone'
> {
  /** The consumer name. */
  readonly name: string
  readonly sourceKeys: readonly string[]
  readonly events: WorkerEvents
  readonly traces: DeliveryTraces
  /** Pauses the group for that time, and sets the entry aside until then. */
  limited(entry: LeasedEntry, ms: number): Promise<void>
  /** Finishes a running entry together with other changes. */
  commit(entry: LeasedEntry, effects: readonly Effect[]): Promise<CommitAnswer<never>>
  /** Why nothing may be started. */
  stopped(): 'closing' | 'paused' | undefined
  /** Fetches nothing, and starts nothing, while `on`. */
  hold(on: boolean): void
  /** There may be room for more entries. */
  roomMade(): void
  close(options?: WorkerCloseOptions): Promise<void>
}

const COMMIT = traced('commit')
/** The consumer of a dead process is deleted after this time without a command, if no entry is pending for it. */
const SILENT_MS = 300_000
const FORGET_EVERY_MS = 600_000
/** How long a close waits for handlers. */
const CLOSE_MS = 10_000
/** With more outcomes than this on the way to Redis, no more entries are fetched. */
const MOST_UNSETTLED = 2000

/**
 * Every step that settles a delivery (finish, retry, give back, dead letter) is fenced in Redis by the position and the consumer's
 * name, so a consumer whose lease ended changes nothing. If a process dies before or while the handler runs, the lease ends and the
 * entry is handled again. If it dies after the handler and before Redis has the outcome, too: at least once. After that it is done.
 */
export function createGroupConsumer(scope: Scope, options: GroupConsumerOptions): GroupConsumer {
  const { space, keys, route, runtime, stream, identity } = scope
  const { group, settings, entriesPerRead, room, take, paused, resume, busy, finishAll, runs } = options
  const name = `${cut(hostname(), 32)}-${process.pid}-${randomUUID().slice(0, 8)}`
  const scripts = bindWorkerScripts(scope, group, name, settings)
  const { sourceKeys } = scripts
  const self = { ...identity, group, consumer: name }
  const events = createWorkerEvents(self, runtime.taps)
  const traces = createDeliveryTraces(self, settings.batched)
  const { trouble } = events
  const pausing = createPausing((now) => {
    events.paused(now)
    if (now) giveBackWaiting()
    else resume()
    reader.roomMade()
  })
  let stateFound = pausing.asking()
  /** This worker alone is paused. */
  let held = false
  /** Runs while nothing is fetched because the memory of Redis is full. */
  let full: NodeJS.Timeout | undefined
  let closing: Promise<void> | undefined
  /** Whether an outcome did not reach Redis since the close began. */
  let abandoned = false

  const deliveries = createDeliveries({
    settings,
    scripts,
    events,
    traces,
    dueIn: (ms) => maintenance.within(ms),
    ended(entry) {
      options.ended?.(entry)
      reader.roomMade()
      if (entry.suspect) resume()
    },
    abandoned: () => void (abandoned ||= closing !== undefined),
    renewed: resume,
    runs,
    runLength: scope.order && (() => runs?.length ?? 1),
    full(ms) {
      clearTimeout(full)
      full = setTimeout(() => {
        full = undefined
        reader.roomMade()
      }, ms).unref()
    },
  })
  const committer = createCommitter({
    runtime,
    space: space.name,
    title: `commit in ${scope.title}`,
    sourceKeys: sourceKeys as readonly [string, string],
    answersKey: keys.committed(stream, name),
    group,
    consumer: name,
    declared: scope.declared,
    places: scope.placesOf(group),
    most: scope.order?.places ?? 0,
    outcomes: scope.outcomesOf(group),
    trouble,
  })
  const { leases, start, finish, fail, giveBack, progress, write, setAside, wasSetAside, gone } = deliveries
  const maintenance = createMaintenance({
    leaseMs: settings.leaseMs,
    async check(fromStream, fromReady) {
      // A process that was suspended or busy must not take over its own entries.
      if (leases.overdue(performance.now())) await leases.refresh()
      stateFound = pausing.asking()
      return scripts.check(fromStream, fromReady)
    },
    takenOver(delivery, isDead) {
      events.recovered(delivery)
      if (!isDead) return
      events.dead(
        delivery,
        'vanished',
        new Error(`${delivery.attempt} attempts are used up; in the last one its worker vanished or lost it`),
      )
    },
    unreadable(id) {
      const error = new Error('a delayed entry could not be read: something other than penknife wrote it')
      events.dead({ id, attempt: 0, fence: 0 }, 'invalid', error)
    },
    paused: (now) => stateFound(now),
    watched: createAnnouncer(events, scripts.announce).watched,
    lowFound: () => low.found(),
    trouble,
  })
  const low = createLowEntries({
    promote: scripts.promote,
    trouble(error) {
      if (!closing) trouble(error)
    },
  })
  const isShared = (settings.connection ?? runtime.workerConnection) === 'shared'
  const fetcher = (isShared ? createSharedFetcher : createOwnFetcher)({
    runtime,
    group,
    consumer: name,
    scripts,
  })
  const reader = createReader({
    fetcher,
    sourceKeys,
    low,
    async open(again) {
      // A group that was deleted begins again at the oldest entry, so that no entry is skipped. This is called before the first
      // read, because the entries of a paused group must not be read.
      const opened = pausing.asking()
      opened(await scripts.open(again ? '0' : settings.from))
      forgetConsumers()
    },
    room: () => (pausing.paused || held || full || deliveries.unsettled > MOST_UNSETTLED ? 0 : room()),
    most: entriesPerRead,
    fetched(entries, asked, leasedSince) {
      if (entries.length > 0) take(deliveries.admit(entries, leasedSince), asked)
    },
    snapshot: leases.snapshot,
    trouble,
    resumed: events.resumed,
  })
  // A message may be lost with its connection, so each new subscription is followed by a check.
  const checkNow = (): void => maintenance.within(0)
  const unfollow = runtime.subscriber.follow(route, keys.pausing(stream, group), {
    message(text) {
      if (text === LOW) return low.found()
      // It also checks, because the pause may have ended since.
      pausing.told(text === PAUSED)
      if (text === RESET) fetcher.again?.()
      // lua/stream/locate.lua took an entry away.
      const [, code, position] = /^x([mr])(\d+-\d+(?:\/\d+)?)$/.exec(text) ?? []
      const source = SOURCES.findIndex((each) => each.code === code)
      if (position === undefined) checkNow()
      else deliveries.cancelled(source, position)
    },
    followed: checkNow,
  })
  const endPlaceCheck = scope.order && startPlaceCheck(scripts.checkPlaces, trouble)
  const forgetting = setInterval(forgetConsumers, FORGET_EVERY_MS)
  const offClose = runtime.onClose((ms) => close({ deadline: Math.min(ms, CLOSE_MS) }))

  function giveBackWaiting(): void {
    paused()
    runs?.giveBack('paused')
  }

  /** Deletes the consumers of dead processes. Errors are ignored: it is tried again, and other calls report the same error. */
  function forgetConsumers(): void {
    scripts.forgetConsumers(SILENT_MS).catch(() => {})
  }

  async function end(deadlineMs: number): Promise<void> {
    // Without entries there is no outcome to send, so the close need not wait for a Redis that is away.
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
    endPlaceCheck?.()
    try {
      const leave = idle ? scripts.leaveSoon : scripts.leave
      // An entry whose outcome was not stored must not be given back as not handled. Its lease ends instead, which uses up an attempt.
      if (!abandoned) while ((await leave()) > 0);
    } catch (error) {
      trouble(error)
    }
    offClose()
  }

  async function close(closeOptions: WorkerCloseOptions = {}): Promise<void> {
    checkOptions('close', closeOptions, ['deadline'])
    const deadlineMs = durationMs('deadline', closeOptions.deadline ?? CLOSE_MS, { min: 0 })
    return (closing ??= end(deadlineMs))
  }

  return {
    name,
    sourceKeys,
    events,
    traces,
    leases,
    start,
    finish,
    fail,
    giveBack,
    progress,
    write,
    setAside,
    wasSetAside,
    gone,
    async limited(entry, ms) {
      // What a handler does after its time is over has no effect.
      if (!isUnsettled(entry)) return
      await scripts.hold(ms)
      // It is due when the pause ends.
      setAside(entry, ms)
      pausing.told(true)
      maintenance.within(0)
    },
    async commit(entry, effects) {
      const checked = committer.check(effects)
      const { id, source, position, keyed, own } = entry
      const from = SOURCES[source]?.code as string
      const outcome = own?.unique ? '?' : own?.keepMs === undefined ? '' : `${id} ${own.keepMs}`
      const commit = (): Promise<CommitAnswer<never>> =>
        deliveries.commit(entry, {
          effects: checked.shape.text,
          send: (mayRetry) =>
            committer.commit({ from, position, place: keyed?.place ?? '', outcome }, checked, mayRetry),
        })
      return COMMIT.observed ? COMMIT.follow({ ...self, id, effects: effects.length }, commit) : commit()
    },
    stopped: () => (closing ? 'closing' : pausing.paused || held ? 'paused' : undefined),
    hold(on) {
      held = on
      if (on) giveBackWaiting()
      else resume()
      reader.roomMade()
    },
    roomMade: reader.roomMade,
    close,
  }
}
