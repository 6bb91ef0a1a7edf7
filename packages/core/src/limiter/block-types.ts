import type { Duration } from '../duration.ts'
import type { LimiterSubject } from './subject-types.ts'

export interface LimiterBlockOptions {
  /** Up to a year, or 'forever': until `unblock` or `reset`. At most 100,000 subjects of a limiter are blocked forever. */
  readonly duration: Duration | 'forever'
  /** Reported in each decision: 1 to 256 characters. */
  readonly reason: string
  /** Which part of a subject that is an object is blocked. */
  readonly per?: string | undefined
}

export interface LimiterUnblockOptions {
  /** Which part of a subject that is an object was blocked. */
  readonly per?: string | undefined
}

export interface LimiterBlocksOptions {
  /** The most blocks of a page: 1 to 1,000. Default: 100. */
  readonly limit?: number | undefined
  /** The `next` of the page before. */
  readonly after?: string | undefined
}

/** A block without an end. Its `subject` and `per` are arguments of `unblock`. */
export interface LimiterListedBlock {
  /** As given to `block`; of an object the blocked part, and that of `routeBy`. */
  readonly subject: LimiterSubject
  readonly per: string | undefined
  readonly reason: string
}

export interface LimiterBlocksPage {
  readonly items: readonly LimiterListedBlock[]
  /** For the next page; undefined after the last. A page may have fewer blocks than `limit`, or none, and a next page. */
  readonly next: string | undefined
}
