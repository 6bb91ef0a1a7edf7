import type { AcquireOptions, HeldLease, LockAnswer, LockOptions } from './lock-types.ts'

export interface SemaphoreOptions extends Omit<LockOptions, 'label'> {
  /** Permits of each key: 1 to 1,000. All who use the semaphore give the same. */
  readonly size: number
}

export interface PermitOptions extends Omit<AcquireOptions, 'label'> {
  /** Permits to take: 1 to `size`. Default: 1. */
  readonly weight?: number
}

export interface HeldPermit extends HeldLease {
  readonly keys: readonly string[]
  readonly weight: number
}

export interface SemaphoreInfo {
  /** Permits that are taken, or offered to somebody. */
  readonly taken: number
  readonly size: number
  /** Callers that wait, over all processes; those of a process that died count until their turn. */
  readonly waiting: number
}

/**
 * At most `size` at a time, first come first served, on Redis' clock. Made by `createSemaphore`.
 *
 * A caller that takes several permits waits until so many are free, and nobody passes it. A holder that died gives its permits back when
 * its lease is over.
 */
export interface Semaphore {
  readonly name: string
  /** Takes permits of a key; undefined when its turn did not come in time. Costs and errors as of a lock. */
  acquire(key: string, options?: PermitOptions): Promise<HeldPermit | undefined>
  /** As `acquire` without waiting. One script call. */
  tryAcquire(key: string, options?: Pick<PermitOptions, 'weight'>): Promise<HeldPermit | undefined>
  /** Runs a function while it has the permits, and gives them back, whatever the function does. */
  run<Result>(
    key: string,
    body: (held: HeldPermit) => Result | Promise<Result>,
    options?: PermitOptions,
  ): Promise<LockAnswer<Result>>
  /** How many permits are taken now. One script call. */
  look(key: string): Promise<SemaphoreInfo>
}
