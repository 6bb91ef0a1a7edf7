/**
 * What a subject used under one rule, counted in this process as the script counts it in Redis (the file of the algorithm in
 * lua/_lib says how, and why nothing is rounded in the caller's favour).
 */
export interface Counter {
  /** Brings it up to a time; before anything else. */
  advance(now: Moment): void
  /** Whether so many tokens more are too many. */
  over(tokens: number): boolean
  /** Charges tokens, and a slot for a lease. */
  add(tokens: number, lease: LocalLease): void
  /** Gives back tokens that were charged at a time, less what came back since. */
  giveBack(tokens: number, since: Moment): void
  /** The numbers that the script would reply. */
  state(tokens: number): readonly number[]
  /** Nothing is in use: it can be forgotten. */
  isFull(): boolean
  /** Renews a lease, or releases it; false when it had ended. Only concurrency rules have leases. */
  renewOrRelease?(lease: LocalLease, renew: boolean): boolean
}

/** Microseconds of a clock that never goes back, and of the wall clock, which calendar periods go by. */
export interface Moment {
  readonly us: number
  readonly wallUs: number
}

/** A call that may have slots, and for how long. */
export interface LocalLease {
  readonly leaseUs: number
}
