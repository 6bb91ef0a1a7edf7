import type { CalendarUnit } from '../calendar.ts'
import type { Duration } from '../duration.ts'

export type { CalendarUnit }

/** What every rule has, whatever its algorithm. */
interface RuleBase {
  /** Names the rule in decisions and headers, and its state: 1 to 32 of `A-Z a-z 0-9 _ . -`. */
  readonly name: string
  /** Counted and reported in `Decision.shadow`, never enforced. Default: false. */
  readonly shadow?: boolean
  /** Which part of a subject that is an object the rule counts: `per: 'tenant'`. All rules have it, or none. */
  readonly per?: string
}

interface WindowRule extends RuleBase {
  /** Tokens in each window: a whole number; 0 denies every call that costs something. */
  readonly limit: number
  /** Text such as '250ms', '1s', '15m' or '1d', or milliseconds as a number from 1,000. */
  readonly window: Duration
}

/**
 * Generic Cell Rate Algorithm (ITU-T I.371), in its exact form as a leaky bucket: tokens come back evenly.
 *
 * In any interval T at most `burst + T * limit / window` tokens pass. A subject takes 193 bytes in Redis, 40 more for each
 * further rule of constant size (all but logs and concurrency): with 1,000,000 subjects named `user-<number>`, by
 * `pnpm bench limiter.memory`.
 */
export interface GcraRule extends WindowRule {
  readonly algorithm?: 'gcra'
  /** Tokens that a rested subject can take at once. Default: `limit`. */
  readonly burst?: number
}

/**
 * Counts in a window that begins with the first call: at most `limit` in it, `2 * limit` in any interval as long. As
 * large in Redis as GCRA.
 */
export interface FixedWindowRule extends WindowRule {
  readonly algorithm: 'fixed-window'
}

/** Counts in an hour, day, ISO week (from Monday) or month of a time zone, across its daylight-saving changes. */
export interface CalendarRule extends RuleBase {
  readonly algorithm: 'fixed-window'
  /** Tokens in each period: a whole number; 0 denies every call that costs something. */
  readonly limit: number
  readonly calendar: CalendarUnit
  /** An IANA name: 'UTC', 'Europe/Berlin'. */
  readonly timeZone: string
}

/**
 * Counts in windows that follow each other, the one before weighed by the part of it that a window ending now still
 * covers: fewer than `2 * limit` in any window, `limit` when calls come evenly.
 */
export interface SlidingWindowRule extends WindowRule {
  readonly algorithm: 'sliding-window'
}

/**
 * Remembers every call: at most `limit` in any window, exactly. `limit` is at most 1,000.
 *
 * A subject takes 177 bytes in Redis with one charge, 2.0 KB with 100 (16 bytes a charge, and what Redis rounds up to).
 */
export interface SlidingLogRule extends WindowRule {
  readonly algorithm: 'sliding-log'
}

/**
 * At most `limit` calls at a time. A call holds one slot, whatever its cost, until it is released or its lease ends.
 *
 * A subject takes 193 bytes in Redis with one slot held, 469 with ten.
 */
export interface ConcurrencyRule extends RuleBase {
  readonly algorithm: 'concurrency'
  /** Slots: a whole number up to 10,000; 0 denies every call that costs something. */
  readonly limit: number
  /** How long a slot is held without a renewal; so long a crashed process keeps it. */
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
  /** Tokens that can be taken at once: `limit` unless a GCRA rule says otherwise. */
  readonly burst: number
}
