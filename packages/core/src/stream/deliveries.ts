import { createAttempts } from './attempts.ts'
import { type Commits, createCommits } from './commits.ts'
import * as state from './delivery-state.ts'
import type { WorkerReturnReason } from './event-types.ts'
import type { DeliveryTraces } from './delivery-traces.ts'
import { abort, type FetchedEntry, type LeasedEntry, leasedEntry } from './leased-entry.ts'
import { createLeases, type Leases } from './leases.ts'
import type { WorkerSettings } from './settings.ts'
import type { Move, Outcome } from './settlement.ts'
import { encodeProgress, encodeResult } from './outcome.ts'
import { checkOutput } from './output.ts'
import type { Runs } from './runs.ts'
import { createSettler } from './settler.ts'
import type { WorkerEvents } from './worker-events.ts'
import type { WorkerScripts } from './worker-scripts.ts'

export interface DeliveriesOptions {
  readonly settings: Pick<WorkerSettings, 'leaseMs' | 'maxAttempts' | 'backoffMs' | 'timeoutMs'>
  readonly scripts: Pick<WorkerScripts, 'settle' | 'renew' | 'progress' | 'write'>
  readonly events: WorkerEvents
  readonly traces: Pick<DeliveryTraces, 'settling' | 'settled' | 'lost'>
  /** Called when an entry of the group is due in that time. */
  readonly dueIn: (ms: number) => void
  /** Called when Redis has the outcome of an entry, or the worker lost the entry. */
  readonly ended: (entry: LeasedEntry) => void
  /** Called when an outcome cannot be sent to Redis. The lease of its entry will end. */
  readonly abandoned: () => void
  /** Called when Redis replied to a heartbeat. */
  readonly renewed: () => void
  /** With order by key. */
  readonly runs: Pick<Runs, 'ended'> | undefined
  /** With order by key: how many entries of a key to get at once. */
  readonly runLength: (() => number) | undefined
  /** Called when a commit was refused because the memory of Redis is full: fetch nothing for that time. */
  readonly full: (ms: number) => void
}

/** The entries under a worker's lease, from their fetch to their outcome in Redis. */
export interface Deliveries {
  readonly leases: Leases
  /** Outcomes that Redis does not have yet. */
  readonly unsettled: number
  /** Takes the entries of a read, which are under lease since that time of the local clock. Those to handle now are 'waiting'. */
  admit(fetched: readonly FetchedEntry[], leasedSince: number): LeasedEntry[]
  /** Call it before the handler of a waiting entry; false when the entry is no longer waiting. */
  start(entry: LeasedEntry): boolean
  /** Its handler succeeded, with that result. */
  finish(entry: LeasedEntry, result?: unknown): void
  /** Its handler failed, or was not called (`ran` is false) because the payload is invalid. */
  fail(entry: LeasedEntry, error: unknown, ran: boolean): void
  readonly commit: Commits['commit']
  /** Stores the progress of a running entry; resolves with whether it was stored. */
  progress(entry: LeasedEntry, value: unknown): Promise<boolean>
  /** Appends to the output of a running entry; resolves with whether it was stored. */
  write(entry: LeasedEntry, text: string): Promise<boolean>
  /** The entry at that position of a source, if this worker has it, was cancelled. */
  cancelled(source: number, position: string): void
  /** Sets an entry aside for that time, because of a limit. This uses up no attempt. False when it has ended. */
  setAside(entry: LeasedEntry, ms: number): boolean
  /** A script has set a waiting entry aside for that time. */
  wasSetAside(entry: LeasedEntry, ms: number): void
  /** A script says that this worker does not have the entry any more. */
  gone(entry: LeasedEntry): void
  /** Gives the entry back to the group. This uses up no attempt. */
  giveBack(entry: LeasedEntry, why: WorkerReturnReason): void
  /** Aborts running handlers and gives their entries back. Resolves when Redis has all outcomes, or did not reply. */
  end(): Promise<void>
}

/** How long a worker fetches nothing after a commit was refused because the memory of Redis is full, and that entry waits. */
const FULL_MS = 1000
/** An output is kept this long, and `keep`, after the last write of a handler without a time limit. */
const WITHOUT_LIMIT_MS = 86_400_000

export function createDeliveries(options: DeliveriesOptions): Deliveries {
  const { settings, scripts, events, traces, dueIn, ended, abandoned, renewed, runs, runLength, full } =
    options
  const { leaseMs } = settings
  const attempts = createAttempts(settings)
  let order = 0
  const leases = createLeases({
    leaseMs,
    renew: scripts.renew,
    lost: (entry) => lose(entry),
    expired: expire,
    renewed,
  })
  const settler = createSettler({
    send: scripts.settle,
    run: runLength,
    settled,
    lost: (entry) => lose(entry),
    abandoned(entry) {
      abandoned()
      lose(entry)
    },
    trouble: events.trouble,
  })

  const commits = createCommits({
    done: committed,
    lost: (entry) => lose(entry),
    full: () => full(FULL_MS),
  })

  function admit(fetched: readonly FetchedEntry[], leasedSince: number): LeasedEntry[] {
    return fetched.map((each) => {
      const entry = leasedEntry(each, ++order, leasedSince, leasedSince + leaseMs)
      leases.add(entry)
      if (entry.dueMs !== undefined) {
        if (state.postpone(entry)) settle(entry, { to: 'delayed', dueMs: entry.dueMs })
      } else if (attempts.usedUp(entry) && entry.keyed?.before === undefined) bury(entry)
      return entry
    })
  }

  function bury(entry: LeasedEntry): void {
    const error = new Error(
      `${entry.attempt - 1} attempts are used up: in the last one its worker lost the lease, or maxAttempts is lower now`,
    )
    if (state.deadLetter(entry)) settle(entry, { to: 'dead', why: 'vanished', error })
  }

  function start(entry: LeasedEntry): boolean {
    if (entry.keyed) {
      // Its predecessor had to be finished first.
      if (attempts.usedUp(entry)) bury(entry)
      entry.keyed.startedAt = performance.now()
    }
    return state.start(entry)
  }

  /** Decides whether those that wait for this one may start. */
  function endRun(entry: LeasedEntry, succeeded: boolean): void {
    if (entry.keyed) runs?.ended(entry, succeeded)
  }

  function settle(entry: LeasedEntry, move?: Move): void {
    if (entry.startedAt > 0) entry.endedAt ||= performance.now()
    traces.settling(entry, move)
    settler.settle({ entry, move })
    endRun(entry, move === undefined || move.to === 'done')
  }

  function finish(entry: LeasedEntry, result?: unknown): void {
    // A handler may end before its commit.
    if (entry.stage === 'committing') commits.afterwards(entry, () => finish(entry, result))
    else if (entry.own?.keepMs !== undefined) finishWith(entry, result)
    else if (state.finish(entry)) settle(entry, entry.own?.unique ? { to: 'done', outcome: 'd' } : undefined)
  }

  /** Keeps the result. One that cannot be kept makes the entry a dead letter, because another attempt would repeat what was done. */
  function finishWith(entry: LeasedEntry, result: unknown): void {
    let outcome: string
    try {
      outcome = encodeResult(result)
    } catch (error) {
      if (entry.stage === 'running') events.failed(entry, error)
      if (state.fail(entry)) settle(entry, { to: 'dead', why: 'failed', error })
      return
    }
    if (state.finish(entry)) settle(entry, { to: 'done', outcome })
  }

  async function progress(entry: LeasedEntry, value: unknown): Promise<boolean> {
    const json = encodeProgress(value)
    if (entry.own?.keepMs === undefined || entry.stage !== 'running') return false
    return scripts.progress(entry, json)
  }

  async function write(entry: LeasedEntry, text: string): Promise<boolean> {
    checkOutput(text)
    const { own, stage } = entry
    if (own?.keepMs === undefined || stage !== 'running') return false
    if (text === '') return true
    // The entry ends within its time limit.
    const limitMs = (own.timeoutMs ?? settings.timeoutMs) || WITHOUT_LIMIT_MS
    return scripts.write(entry, own.keepMs + Math.ceil(limitMs), text)
  }

  function fail(entry: LeasedEntry, error: unknown, ran: boolean): void {
    if (entry.stage === 'committing') {
      commits.afterwards(entry, () => fail(entry, error, ran))
      return
    }
    if (commits.finished(entry)) {
      // Redis has the commit, so the entry is done.
      events.trouble(error)
      return
    }
    if (commits.wasFull(entry)) {
      if (state.fail(entry)) settle(entry, { to: 'later', delayMs: FULL_MS, why: 'full' })
      return
    }
    // Of an entry that was lost, cancelled or set aside meanwhile the error is ignored, as a result is.
    if (!state.fail(entry)) return
    events.failed(entry, error)
    settle(entry, attempts.afterFailure(entry, error, ran))
  }

  function committed(entry: LeasedEntry): void {
    leases.delete(entry)
    state.settled(entry)
    entry.keyed?.over?.()
    events.settled(entry, undefined)
    endRun(entry, true)
    ended(entry)
  }

  function setAside(entry: LeasedEntry, ms: number): boolean {
    const does = state.giveBack(entry)
    if (does) settle(entry, { to: 'later', delayMs: ms, why: 'limited' })
    return does
  }

  function wasSetAside(entry: LeasedEntry, ms: number): void {
    if (!state.giveBack(entry)) return
    const move: Move = { to: 'later', delayMs: ms, why: 'limited' }
    traces.settling(entry, move)
    endRun(entry, false)
    settled({ entry, move })
  }

  function giveBack(entry: LeasedEntry, why: WorkerReturnReason): void {
    if (state.giveBack(entry)) settle(entry, { to: 'waiting', used: entry.attempt - 1, why })
  }

  function settled({ entry, move }: Outcome): void {
    leases.delete(entry)
    state.settled(entry)
    entry.keyed?.over?.()
    if (move?.to === 'retrying' || move?.to === 'later') dueIn(move.delayMs + 1)
    // The check compares with the clock of Redis, because the clock of this process may be wrong.
    if (move?.to === 'delayed') dueIn(0)
    traces.settled(entry)
    events.settled(entry, move)
    ended(entry)
  }

  /** `cancelled`: because somebody cancelled it. */
  function lose(entry: LeasedEntry, cancelled: boolean = false): void {
    leases.delete(entry)
    const reported = entry.stage === 'expired'
    const lost = state.lose(entry)
    entry.keyed?.over?.()
    const { id } = entry
    const reason = new Error(cancelled ? `entry ${id} was cancelled` : `the lease of entry ${id} was lost`)
    if (lost) traces.lost(entry, reason)
    if (!lost || reported) return
    abort(entry, reason)
    endRun(entry, false)
    if (cancelled) events.cancelled(entry)
    // No handler has one with a time of its own. Mostly it was cancelled or rescheduled (lua/stream/locate.lua).
    else if (entry.dueMs === undefined) events.lost(entry)
    ended(entry)
  }

  /**
   * Like `lose`, but in Redis the worker may still have the lease. The entry is given back, with its attempt used up if it was running,
   * once Redis is available. To handle it again without that would be two deliveries with the same fencing token.
   */
  function expire(entry: LeasedEntry): void {
    const { id, attempt, stage } = entry
    if (!state.expire(entry)) return
    const reason = new Error(`the lease of entry ${id} ended while Redis did not reply`)
    traces.lost(entry, reason)
    abort(entry, reason)
    events.lost(entry)
    settle(entry, { to: 'waiting', used: stage === 'running' ? attempt : attempt - 1, why: 'expired' })
    ended(entry)
  }

  return {
    leases,
    get unsettled() {
      return settler.pending
    },
    admit,
    start,
    finish,
    fail,
    commit: commits.commit,
    progress,
    write,
    cancelled(source, position) {
      const entry = leases.find(source, position)
      if (entry) lose(entry, true)
    },
    setAside,
    wasSetAside,
    gone: (entry) => lose(entry),
    giveBack,
    async end() {
      await commits.end(leases.all())
      for (const entry of leases.all()) {
        if (entry.stage !== 'running') continue
        // Closing uses up no attempt, because the handler did not fail. Otherwise a few deploys would make the entry a dead letter.
        giveBack(entry, 'unfinished')
        abort(entry, new Error('the worker was closed'))
      }
      settler.hurry()
      await settler.drained()
    },
  }
}
