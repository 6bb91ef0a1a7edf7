import * as state from './delivery-state.ts'
import { abort, type FetchedEntry, type LeasedEntry, leasedEntry } from './leased-entry.ts'
import { createLeases, type Leases } from './leases.ts'
import { isNeverRetry } from './never-retry.ts'
import type { WorkerSettings } from './settings.ts'
import type { Move, Outcome } from './settlement.ts'
import { createSettler } from './settler.ts'
import type { WorkerReturnReason } from './types.ts'
import type { WorkerEvents } from './worker-events.ts'
import type { WorkerScripts } from './worker-scripts.ts'

export interface DeliveriesOptions {
  readonly settings: Pick<WorkerSettings, 'leaseMs' | 'maxAttempts' | 'backoffMs'>
  readonly scripts: Pick<WorkerScripts, 'settle' | 'renew'>
  readonly events: WorkerEvents
  /** An entry of the group is due in that time. */
  readonly dueIn: (ms: number) => void
  /** Redis has the outcome of an entry, or the worker lost it. */
  readonly ended: (entry: LeasedEntry) => void
  /** An outcome does not reach Redis: the lease of its entry runs out. */
  readonly abandoned: () => void
  /** Redis answered a heartbeat. */
  readonly renewed: () => void
}

/** The entries under a worker's lease, from their fetch to their outcome in Redis. */
export interface Deliveries {
  readonly leases: Leases
  /** Outcomes that Redis does not have yet. */
  readonly unsettled: number
  /** Takes what a read brought, leased since that time of the local clock. The entries to be handled now are 'waiting'. */
  admit(fetched: readonly FetchedEntry[], leasedSince: number): LeasedEntry[]
  /** Before the handler of a waiting entry is called; false when the entry does not wait any more. */
  start(entry: LeasedEntry): boolean
  /** Its handler succeeded. */
  finish(entry: LeasedEntry): void
  /** Its handler failed, or was not called (`ran` is false) since the payload is not what it must be. */
  fail(entry: LeasedEntry, error: unknown, ran: boolean): void
  /** For any worker of the group to handle; uses up no attempt. */
  giveBack(entry: LeasedEntry, why: WorkerReturnReason): void
  /** Aborts what runs and gives it back; resolves when Redis has all outcomes, or did not answer. */
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
        const error = new Error(`handled ${entry.attempt - 1} times without being finished`)
        if (state.bury(entry)) settle(entry, { to: 'dead', why: 'vanished', error })
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
    // By the clock of Redis, which the check asks: that of this process may be wrong.
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
   * As `lose`; but in Redis it may still be this worker's. It is given back with its attempt used, once Redis is
   * there: handled again under the same fencing number it would be two deliveries that no store can tell apart.
   */
  function expire(entry: LeasedEntry): void {
    const { id, attempt, stage } = entry
    if (!state.expire(entry)) return
    abort(entry, new Error(`the lease of entry ${id} ended while Redis did not answer`))
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
        // The handler did not fail: closing takes no attempt, or as many deploys would make a dead letter of it.
        giveBack(entry, 'unfinished')
        abort(entry, new Error('the worker was closed'))
      }
      settler.hurry()
      await settler.drained()
    },
  }
}
