import type { AcquireOptions, HeldLease, LeaseLost, LockAnswer, LockOptions } from './lock-types.ts'

export interface SemaphoreOptions extends Omit<LockOptions, 'label'> {
  /** Permits of each key: 1 to 1,000. All processes give the same number. */
  readonly size: number
}

export interface PermitOptions extends Omit<AcquireOptions, 'label'> {
  /** Permits to take: 1 to `size`. Default: 1. */
  readonly weight?: number | undefined
}

export interface HeldPermit extends HeldLease {
  readonly keys: readonly string[]
  readonly weight: number
}

export interface SemaphoreInfo {
  /** Permits that are taken, or offered to a waiting caller. */
  readonly taken: number
  readonly size: number
  /** Waiting callers of all processes. Those of a dead process count until their turn. */
  readonly waiting: number
}

export type SemaphoreEvent = LeaseLost

/**
 * At most `size` holders at a time, first come, first served, by Redis' clock. Created by `createSemaphore`.
 *
 * A caller that takes several permits waits until so many are free, and nobody passes it. The permits of a dead holder are free when its
 * lease ends.
 */
export interface Semaphore {
  readonly name: string
  /** Takes permits of a key; resolves with undefined when its turn did not come in time. Costs and errors: as a lock. */
  acquire(key: string, options?: PermitOptions): Promise<HeldPermit | undefined>
  /** As `acquire` without waiting. One script call. */
  tryAcquire(key: string, options?: Pick<PermitOptions, 'weight'>): Promise<HeldPermit | undefined>
  /** Runs a function while it has the permits, and gives them back, also when the function throws. */
  run<Result>(
    key: string,
    body: (held: HeldPermit) => Result | Promise<Result>,
    options?: PermitOptions,
  ): Promise<LockAnswer<Result>>
  /** How many permits are taken now. One script call. */
  look(key: string): Promise<SemaphoreInfo>
  /** Adds a listener; the returned function removes it. */
  on(listener: (event: SemaphoreEvent) => void): () => void
}
