import { detached } from '../detached.ts'
import type { WorkerReturnReason } from './event-types.ts'
import type { HandlerContext } from './handler-context.ts'
import type { LeasedEntry } from './leased-entry.ts'
import type { Leases } from './leases.ts'
import type { Pace } from './pace.ts'
import type { WaitingEntries } from './waiting-entries.ts'

export interface DispatcherOptions {
  /** Most calls of the handler at the same time; may change. */
  readonly concurrency: () => number
  /** Most entries of a call. */
  readonly batch: number
  readonly waiting: WaitingEntries
  readonly asyncContext: Pick<HandlerContext, 'run'>
  readonly pace: Pick<Pace, 'started' | 'ended'>
  readonly leases: Pick<Leases, 'overdue' | 'refresh' | 'recordStart'>
  /** Why no entry may start now: the group is paused, or the worker closes. */
  readonly stopped: () => WorkerReturnReason | undefined
  /** Called before the handler of an entry; false when the entry is no longer waiting. */
  readonly start: (entry: LeasedEntry) => boolean
  /** Calls the handler; `now` is the time by the clock of this process. */
  readonly run: (entries: readonly LeasedEntry[], now: number) => void
  readonly giveBack: (entry: LeasedEntry, why: WorkerReturnReason) => void
  /** Called when a place is free, and when no entry waits any more. */
  readonly roomMade: () => void
}

/** Starts handlers for the entries that wait. */
export interface Dispatcher {
  /** Entries being handled. */
  readonly running: number
  /** Starts handlers while there are free places. */
  dispatch(): void
  /** Call it when a call with that many entries ended: its place is free. */
  ended(entries: number): void
  /** Resolves when no call is running, or after that time; undefined: however long it takes. After that time those who wait longer go on too. */
  idle(deadlineMs?: number): Promise<void>
  stop(): void
}

/** Handlers are started for this long, before the event loop handles timers, replies and outcomes. */
const SLICE_MS = 5

/**
 * Starts handlers without delaying the heartbeat, even if handlers compute for long. After each slice the event loop runs once, and
 * no entry starts while a renewal is overdue. The reply to the renewal shows which entries the worker still has: an entry that another
 * worker took over does not start.
 */
export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const { concurrency, batch, waiting, asyncContext, pace, leases, stopped, start, run, giveBack, roomMade } =
    options
  const { suspects } = waiting
  let calls = 0
  let running = 0
  let dispatching = false
  /** When this slice ends; undefined before the first start of a tick. */
  let sliceEndsAt: number | undefined
  /** Whether entries that could start are left for the next slice. */
  let more = false
  let suspectDue: NodeJS.Timeout | undefined
  const idle = new Set<() => void>()

  /** Whatever calls it, such as the end of a handler, handlers do not get the async context of the caller. */
  function dispatch(): void {
    // A handler that ends at once calls `ended`, and so this function, while it runs.
    if (dispatching || waiting.size + suspects.size === 0) return
    asyncContext.run(startWaiting)
  }

  function startWaiting(): void {
    dispatching = true
    let now = performance.now()
    if (sliceEndsAt === undefined) {
      sliceEndsAt = now + SLICE_MS
      setImmediate(endTick)
    }
    if (suspects.size > 0) startSuspects(now)
    const most = concurrency()
    while (calls < most && waiting.size > 0 && now < sliceEndsAt && !stopped()) {
      if (leases.overdue(now)) {
        void detached(leases.refresh)
        break
      }
      startCall(now)
      const before = now
      now = performance.now()
      pace.started(now - before)
    }
    dispatching = false
    more = calls < most && waiting.size > 0 && now >= sliceEndsAt && !stopped()
    waiting.limitWaits()
    // While many waited, the worker fetched nothing, and the handlers that started may run for long.
    if (waiting.size === 0) roomMade()
  }

  function startCall(now: number): void {
    let entries: LeasedEntry[] | undefined
    while ((entries?.length ?? 0) < batch && waiting.size > 0) {
      const entry = waiting.shift() as LeasedEntry
      if (!start(entry)) continue
      // A list that begins empty takes memory for 17.
      if (entries) entries.push(entry)
      else entries = [entry]
    }
    if (!entries) return
    calls += 1
    running += entries.length
    run(entries, now)
  }

  function startSuspects(now: number): void {
    clearTimeout(suspectDue)
    while (calls < concurrency() && suspects.size > 0 && !stopped()) {
      const at = suspects.nextAt()
      if (at > now) {
        suspectDue = setTimeout(dispatch, at - now)
        return
      }
      void startSuspect(suspects.start())
    }
  }

  /** Records the start in Redis before anything reads the payload, because reading it may kill the process. */
  async function startSuspect(entry: LeasedEntry): Promise<void> {
    if (entry.stage !== 'waiting') return
    calls += 1
    running += 1
    const recorded = await detached(() => leases.recordStart(entry))
    const why = stopped()
    if (recorded && !why && start(entry)) {
      run([entry], performance.now())
      return
    }
    free(1)
    if (entry.stage !== 'waiting') dispatch()
    else if (why) giveBack(entry, why)
    // Redis did not reply: the suspect starts after the next successful renewal.
    else suspects.putBack(entry)
  }

  function free(entries: number): void {
    calls -= 1
    running -= entries
    if (calls === 0 && idle.size > 0) endIdle()
    roomMade()
  }

  function endIdle(): void {
    for (const resolve of idle) resolve()
    idle.clear()
  }

  function endTick(): void {
    // After a long slice outcomes and renewals are sent first, and their replies are read.
    if (performance.now() >= (sliceEndsAt as number)) setImmediate(nextSlice)
    else nextSlice()
  }

  function nextSlice(): void {
    sliceEndsAt = undefined
    // Others wait for a place, a renewal, a time or a resume, each of which calls `dispatch`: to look again in each tick would take a core.
    const again = more
    more = false
    if (again) dispatch()
  }

  return {
    get running() {
      return running
    },
    dispatch,
    ended(entries) {
      free(entries)
      pace.ended(entries)
      dispatch()
    },
    async idle(deadlineMs) {
      if (calls === 0) return
      let timer: NodeJS.Timeout | undefined
      await new Promise<void>((resolve) => {
        idle.add(resolve)
        // The worker closes, and its handlers are left behind: a pause that waits for them ends too.
        if (deadlineMs !== undefined) timer = setTimeout(endIdle, deadlineMs)
      })
      clearTimeout(timer)
    },
    stop: () => clearTimeout(suspectDue),
  }
}
