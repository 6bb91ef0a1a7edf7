/**
 * Counts a subject under one rule in this process, as the script does in Redis. The algorithm is documented in its file in
 * lua/_lib/limiter.
 */
export interface Counter {
  /** Advances the state to a time. Call it before every other method. */
  advance(now: Moment): void
  /** Whether so many more tokens exceed the limit. */
  over(tokens: number): boolean
  /** Charges tokens, and a slot for a lease. */
  add(tokens: number, lease: LocalLease): void
  /** Gives back tokens that were charged at a time, less those that came back since. */
  giveBack(tokens: number, since: Moment): void
  /** Gives back the latest tokens, as a refund does that names no charge. */
  giveBackLatest(tokens: number): void
  /** The numbers that the script would reply. */
  state(tokens: number): readonly number[]
  /** Whether nothing is in use, so that the counter can be deleted. */
  isFull(): boolean
  /** Renews a lease, or releases it; false when it had expired. Only concurrency rules have leases. */
  renewOrRelease?(lease: LocalLease, renew: boolean): boolean
}

/** The time in microseconds, of a monotonic clock and of the wall clock (for calendar periods). */
export interface Moment {
  readonly us: number
  readonly wallUs: number
}

/** The lease of a call's slots; its identity is the call. */
export interface LocalLease {
  readonly leaseUs: number
}
