import * as state from './delivery-state.ts'
import type { WorkerReturnReason } from './event-types.ts'
import { abort, type FetchedEntry, type LeasedEntry, leasedEntry } from './leased-entry.ts'
import { createLeases, type Leases } from './leases.ts'
import { isNeverRetry } from './never-retry.ts'
import type { WorkerSettings } from './settings.ts'
import type { Move, Outcome } from './settlement.ts'
import { createSettler } from './settler.ts'
import type { WorkerEvents } from './worker-events.ts'
import type { WorkerScripts } from './worker-scripts.ts'

export interface DeliveriesOptions {
  readonly settings: Pick<WorkerSettings, 'leaseMs' | 'maxAttempts' | 'backoffMs'>
  readonly scripts: Pick<WorkerScripts, 'settle' | 'renew'>
  readonly events: WorkerEvents
  /** Called when an entry of the group is due in that time. */
  readonly dueIn: (ms: number) => void
  /** Called when Redis has the outcome of an entry, or the worker lost the entry. */
  readonly ended: (entry: LeasedEntry) => void
  /** Called when an outcome cannot be sent to Redis. The lease of its entry will end. */
  readonly abandoned: () => void
  /** Called when Redis replied to a heartbeat. */
  readonly renewed: () => void
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
  /** Its handler succeeded. */
  finish(entry: LeasedEntry): void
  /** Its handler failed, or was not called (`ran` is false) because the payload is invalid. */
  fail(entry: LeasedEntry, error: unknown, ran: boolean): void
  /** Gives the entry back to the group. This uses up no attempt. */
  giveBack(entry: LeasedEntry, why: WorkerReturnReason): void
  /** Aborts running handlers and gives their entries back. Resolves when Redis has all outcomes, or did not reply. */
  end(): Promise<void>
}

export function createDeliveries(options: DeliveriesOptions): Deliveries {
  const { settings, scripts, events, dueIn, ended, abandoned, renewed } = options
  const { leaseMs, maxAttempts, backoffMs } = settings
  let order = 0
  const leases = createLeases({ leaseMs, renew: scripts.renew, lost: lose, expired: expire, renewed })
  const settler = createSettler({
    send: scripts.settle,
    settled,
    lost: lose,
    abandoned(entry) {
      abandoned()
      lose(entry)
    },
    trouble: events.trouble,
  })

  function admit(fetched: readonly FetchedEntry[], leasedSince: number): LeasedEntry[] {
    return fetched.map((each) => {
      const entry = leasedEntry(each, ++order, leasedSince, leasedSince + leaseMs)
      leases.add(entry)
      if (entry.dueMs !== undefined) {
        if (state.postpone(entry)) settle(entry, { to: 'delayed', dueMs: entry.dueMs })
      } else if (entry.attempt > maxAttempts) {
        const error = new Error(`all ${entry.attempt - 1} attempts are used up`)
        if (state.deadLetter(entry)) settle(entry, { to: 'dead', why: 'vanished', error })
      }
      return entry
    })
  }

  function settle(entry: LeasedEntry, move?: Move): void {
    settler.settle({ entry, move })
  }

  function fail(entry: LeasedEntry, error: unknown, ran: boolean): void {
    events.failed(entry, error)
    if (state.fail(entry)) settle(entry, afterFailure(entry, error, ran))
  }

  function afterFailure({ attempt }: LeasedEntry, error: unknown, ran: boolean): Move {
    if (!ran) return { to: 'dead', why: 'invalid', error }
    if (isNeverRetry(error)) return { to: 'dead', why: 'never-retry', error }
    if (attempt >= maxAttempts) return { to: 'dead', why: 'failed', error }
    return { to: 'retrying', delayMs: backoffMs(attempt) }
  }

  function giveBack(entry: LeasedEntry, why: WorkerReturnReason): void {
    if (state.giveBack(entry)) settle(entry, { to: 'waiting', used: entry.attempt - 1, why })
  }

  function settled({ entry, move }: Outcome): void {
    leases.delete(entry)
    state.settled(entry)
    if (move?.to === 'retrying') dueIn(move.delayMs + 1)
    // The check compares with the clock of Redis, because the clock of this process may be wrong.
    if (move?.to === 'delayed') dueIn(0)
    events.settled(entry, move)
    ended(entry)
  }

  function lose(entry: LeasedEntry): void {
    leases.delete(entry)
    const reported = entry.stage === 'expired'
    if (!state.lose(entry) || reported) return
    abort(entry, new Error(`the lease of entry ${entry.id} was lost`))
    events.lost(entry)
    ended(entry)
  }

  /**
   * Like `lose`, but in Redis the worker may still have the lease. The entry is given back, with its attempt used up if it was running,
   * once Redis is available. To handle it again without that would be two deliveries with the same fencing token.
   */
  function expire(entry: LeasedEntry): void {
    const { id, attempt, stage } = entry
    if (!state.expire(entry)) return
    abort(entry, new Error(`the lease of entry ${id} ended while Redis did not reply`))
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
    start: state.start,
    finish(entry) {
      if (state.finish(entry)) settle(entry)
    },
    fail,
    giveBack,
    async end() {
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
