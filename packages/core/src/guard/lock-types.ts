import type { Duration } from '../duration.ts'
import type { PenknifeError } from '../errors.ts'
import type { Lease } from '../lease.ts'

export interface LockOptions {
  /**
   * How long a lock is held without renewal, such as after a crash: '1s' to '1h'. It is renewed every third of this time. Default:
   * '10s'.
   */
  readonly lease?: Duration | undefined
  /** How long a lock is renewed at the most; after that its signal is aborted and its lease ends. Default: '15m'. */
  readonly maxHold?: Duration | undefined
  /** How long `acquire` waits, unless a call says otherwise: 0 to '24h'. Default: '30s'. */
  readonly wait?: Duration | undefined
  /** The name of the holder that `look` shows: up to 128 characters. Default: host name and process id. */
  readonly label?: string | undefined
}

export interface AcquireOptions {
  /** How long this call waits: 0 to '24h'. Default: as in the options of the lock. */
  readonly wait?: Duration | undefined
  /** Ends the waiting: the call rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /** Default: as in the options of the lock. */
  readonly label?: string | undefined
}

/** A lease that this process has: of locks, permits or a leadership. It is renewed until it is released or lost, or reaches `maxHold`. */
export interface HeldLease extends Lease {
  /**
   * The fencing token: greater than the token of every earlier lease of the space. With it a resource can refuse the writes of a holder
   * whose lease has ended, see docs/coordination.md.
   */
  readonly fence: number
  /**
   * Aborted when the lease is lost, with PENKNIFE_LEASE_LOST as its reason: at the latest when the lease would have ended by this process'
   * monotonic clock, counted from before the call was sent.
   */
  readonly signal: AbortSignal
  /** Milliseconds for which the lease certainly lasts without renewal; 0 when it is lost or released. No call. */
  readonly leftMs: number
  /**
   * Releases it; the first waiting caller gets it. Resolves with true when the lease was in force until now by Redis' clock: nobody else had
   * it. One script call for each key. Safe to call again, and after a loss.
   */
  release(): Promise<boolean>
  /** As `release`, for `await using`. It does not fail when Redis is away: the lease then ends by itself. */
  [Symbol.asyncDispose](): Promise<void>
}

export interface HeldLock extends HeldLease {
  readonly keys: readonly string[]
}

/** The state of a lock. */
export interface LockInfo {
  readonly held: boolean
  /** The `label` of the holder; null when the lock is free. */
  readonly label: string | null
  readonly fence: number | null
  /** Milliseconds until the lease ends unless it is renewed; 0 when the lock is free. */
  readonly leaseLeftMs: number
  /** Waiting callers of all processes. Those of a dead process count until their turn. */
  readonly waiting: number
}

/** A lease was lost before it was released: it ended, or Redis lost it, or penknife was closed. */
export interface LeaseLost {
  readonly kind: 'lost'
  readonly space: string
  /** The name of the lock or semaphore. */
  readonly name: string
  readonly keys: readonly string[]
  readonly fence: number
  /** The reason of `held.signal`. */
  readonly error: PenknifeError
}

export type LockEvent = LeaseLost

export type LockAnswer<Result> =
  | { readonly acquired: true; readonly result: Result }
  | { readonly acquired: false }

/**
 * Locks with a lease, first come, first served. Created by `createLock`.
 *
 * A lock on Redis keeps two processes from doing the same work at once while both run normally. A process that is paused goes on after its
 * lease has ended: a resource that must not be written twice has to check the fence.
 */
export interface Lock {
  readonly name: string
  /**
   * Takes the lock of a key, or of up to 16 keys, all or none, and waits for its turn. Resolves with undefined when its turn did not come
   * in time.
   *
   * Cost: one script call to take, one to release, one every third of the lease. Pub/sub wakes waiting callers: they do not poll. Each
   * process asks once for each lease of the holder, however many of its callers wait.
   *
   * @throws PENKNIFE_TIMEOUT and the like when Redis is away; the signal's reason; PENKNIFE_CLOSED.
   */
  acquire(keys: string | readonly string[], options?: AcquireOptions): Promise<HeldLock | undefined>
  /** As `acquire` without waiting: undefined when another caller has a lock or waits for it. One script call. */
  tryAcquire(
    keys: string | readonly string[],
    options?: Pick<AcquireOptions, 'label'>,
  ): Promise<HeldLock | undefined>
  /** Runs a function while it has the lock, and releases the lock, also when the function throws. An error of the function is thrown. */
  run<Result>(
    keys: string | readonly string[],
    body: (held: HeldLock) => Result | Promise<Result>,
    options?: AcquireOptions,
  ): Promise<LockAnswer<Result>>
  /** The state of the lock now. One script call. */
  look(key: string): Promise<LockInfo>
  /** Adds a listener; the returned function removes it. */
  on(listener: (event: LockEvent) => void): () => void
}
