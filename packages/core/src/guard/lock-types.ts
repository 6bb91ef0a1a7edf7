import type { Duration } from '../duration.ts'
import type { Lease } from '../lease.ts'

export interface LockOptions {
  /**
   * For how long a lock is held without renewal, as after a crash, before the next one gets it: '1s' to '1h'. It is renewed at a third
   * of it. Default: '10s'.
   */
  readonly lease?: Duration
  /** For how long a lock is renewed at the most; then its signal is aborted and its lease ends. Default: '15m'. */
  readonly maxHold?: Duration
  /** How long `acquire` waits, unless it is told: 0 to '24h'. Default: '30s'. */
  readonly wait?: Duration
  /** What a holder calls itself, as `look` shows it: up to 128 characters. Default: host name and process id. */
  readonly label?: string
}

export interface AcquireOptions {
  /** How long to wait for this one: 0 to '24h'. Default: as in the options of the lock. */
  readonly wait?: Duration
  /** Ends the waiting: the call rejects with the signal's reason. */
  readonly signal?: AbortSignal
  /** Default: as in the options of the lock. */
  readonly label?: string
}

/** A lease that this process has: of locks, permits or a leadership. It is renewed until it is released, lost, or too old. */
export interface HeldLease extends Lease {
  /**
   * The fencing token: greater than that of every lease given before in the space. What is written with it can refuse a holder whose
   * lease was over, see docs/coordination.md.
   */
  readonly fence: number
  /**
   * Aborted when the lease is lost, with PENKNIFE_LEASE_LOST as its reason: at the latest when the lease would have ended, counted by this
   * process' monotonic clock from before the call that got it was sent.
   */
  readonly signal: AbortSignal
  /** Milliseconds that the lease surely lasts, if nothing renews it; 0 when it is lost or released. No call. */
  readonly leftMs: number
  /**
   * Gives it back; the first that waits gets it. True when the lease was in force until now, by Redis' clock: nobody else had it. One
   * script call for each key. Safe to call again, and after a loss.
   */
  release(): Promise<boolean>
  /** As `release`, for `await using`; does not fail when Redis is away: the lease then ends by itself. */
  [Symbol.asyncDispose](): Promise<void>
}

export interface HeldLock extends HeldLease {
  readonly keys: readonly string[]
}

/** Who has a lock. */
export interface LockInfo {
  readonly held: boolean
  /** What its holder calls itself; null when nobody has it. */
  readonly label: string | null
  readonly fence: number | null
  /** Until the lease ends unless it is renewed; 0 when nobody has it. */
  readonly leaseLeftMs: number
  /** Callers that wait, over all processes; those of a process that died count until their turn. */
  readonly waiting: number
}

export type LockAnswer<Result> =
  | { readonly acquired: true; readonly result: Result }
  | { readonly acquired: false }

/**
 * Locks with a lease, first come first served. Made by `createLock`.
 *
 * A lock on Redis keeps two processes from doing the same work at once as long as both keep time. It is no proof: a process that stands
 * still goes on when its lease is over. What must not be written twice needs the fence.
 */
export interface Lock {
  readonly name: string
  /**
   * Takes the lock of a key, or of up to 16 keys, all or none; waits for its turn. Undefined when its turn did not come in time.
   *
   * Cost: one script call to take, one to release, one every third of the lease. Who waits is told by pub/sub: no polling; each process
   * asks once for each lease of the holder, however many of it wait.
   *
   * @throws PENKNIFE_TIMEOUT and the like when Redis is away; the signal's reason; PENKNIFE_CLOSED.
   */
  acquire(keys: string | readonly string[], options?: AcquireOptions): Promise<HeldLock | undefined>
  /** As `acquire` without waiting: undefined when somebody has a lock, or waits for it. One script call. */
  tryAcquire(
    keys: string | readonly string[],
    options?: Pick<AcquireOptions, 'label'>,
  ): Promise<HeldLock | undefined>
  /** Runs a function while it has the lock, and releases it, whatever the function does. What that throws is thrown. */
  run<Result>(
    keys: string | readonly string[],
    body: (held: HeldLock) => Result | Promise<Result>,
    options?: AcquireOptions,
  ): Promise<LockAnswer<Result>>
  /** Who has the lock now. One script call. */
  look(key: string): Promise<LockInfo>
}
