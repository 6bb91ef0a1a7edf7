import type { CalendarUnit } from '../calendar.ts'
import type { Duration } from '../duration.ts'

export type { CalendarUnit }

/** The options of every rule, whatever its algorithm. */
interface RuleBase {
  /** Names the rule in decisions and headers, and its state: 1 to 32 of `A-Z a-z 0-9 _ . -`. */
  readonly name: string
  /** The rule counts and reports in `decision.shadow`, but never denies. Default: false. */
  readonly shadow?: boolean | undefined
  /** The part of an object subject that the rule counts: `per: 'tenant'`. All rules have it, or none. */
  readonly per?: string | undefined
}

interface WindowRule extends RuleBase {
  /** Tokens in each window: a whole number. 0 denies every call that costs something. */
  readonly limit: number
  /** Text such as '250ms', '1s', '15m' or '1d', or milliseconds as a number from 1,000. */
  readonly window: Duration
}

/**
 * Generic Cell Rate Algorithm (ITU-T I.371) as an exact leaky bucket: tokens come back evenly.
 *
 * In any interval T at most `burst + T * limit / window` tokens pass. A subject takes 193 bytes in Redis, and 40 bytes more
 * for each further rule of constant size (all but `sliding-log` and `concurrency`). Measured by `pnpm bench limiter.memory`
 * with 1,000,000 subjects named `user-<number>`.
 */
export interface GcraRule extends WindowRule {
  readonly algorithm?: 'gcra' | undefined
  /** Tokens that an unused subject can take at once. Default: `limit`. */
  readonly burst?: number | undefined
}

/**
 * Counts in a window that begins with the first call: at most `limit` tokens in it, and `2 * limit` in any interval of that
 * length. It takes as much memory in Redis as GCRA.
 */
export interface FixedWindowRule extends WindowRule {
  readonly algorithm: 'fixed-window'
}

/** Counts in an hour, day, ISO week (from Monday) or month of a time zone. Daylight-saving changes are counted right. */
export interface CalendarRule extends RuleBase {
  readonly algorithm: 'fixed-window'
  /** Tokens in each period: a whole number; 0 denies every call that costs something. */
  readonly limit: number
  readonly calendar: CalendarUnit
  /** An IANA name: 'UTC', 'Europe/Berlin'. */
  readonly timeZone: string
}

/**
 * Counts in consecutive windows. The count of the previous window is weighted by the part of it that a window ending now
 * covers. Fewer than `2 * limit` tokens pass in any window, and `limit` when calls are spread evenly.
 */
export interface SlidingWindowRule extends WindowRule {
  readonly algorithm: 'sliding-window'
}

/**
 * Stores the time of every charge, so that exactly `limit` tokens pass in any window. `limit` is at most 1,000.
 *
 * A subject takes 177 bytes in Redis with one charge and 2.0 KB with 100: 16 bytes a charge, rounded up by Redis.
 */
export interface SlidingLogRule extends WindowRule {
  readonly algorithm: 'sliding-log'
}

/**
 * At most `limit` calls at a time. A call has one slot, whatever its cost, until the slot is released or its lease expires.
 *
 * A subject takes 193 bytes in Redis with one slot in use, 469 with ten.
 */
export interface ConcurrencyRule extends RuleBase {
  readonly algorithm: 'concurrency'
  /** Slots: a whole number up to 10,000. 0 denies every call that costs something. */
  readonly limit: number
  /** How long a slot is kept without a renewal. A crashed process keeps its slots for that long. */
  readonly lease: Duration
}

/** One limit of a limiter. */
export type LimiterRule =
  | GcraRule
  | FixedWindowRule
  | CalendarRule
  | SlidingWindowRule
  | SlidingLogRule
  | ConcurrencyRule

export type LimiterAlgorithm = 'gcra' | 'fixed-window' | 'sliding-window' | 'sliding-log' | 'concurrency'

/** A rule as the limiter understood it. */
export interface LimiterRuleInfo {
  readonly name: string
  readonly algorithm: LimiterAlgorithm
  readonly limit: number
  /** Milliseconds; undefined for calendar periods, whose length varies, and for concurrency. */
  readonly windowMs: number | undefined
  /** Tokens that can be taken at once: `limit`, or the `burst` of a GCRA rule. */
  readonly burst: number
}
