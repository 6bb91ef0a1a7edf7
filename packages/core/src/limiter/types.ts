import type { Duration } from '../duration.ts'

/** One limit of a limiter: `limit` tokens come back in each `window`, and at most `burst` can be saved up. */
export interface Rule {
  /** Names the rule in decisions and headers: 1 to 32 of `A-Z a-z 0-9 _ . -`. */
  readonly name: string
  /** Tokens that come back in each window: a whole number from 1. */
  readonly limit: number
  /** Text such as '250ms', '1s', '15m' or '1d', or milliseconds as a number from 1,000. */
  readonly window: Duration
  /** Tokens that can be taken at once by a rested subject. Default: `limit`. */
  readonly burst?: number
}

/** What to answer when Redis does not answer within the deadline. */
export type UnavailablePolicy = 'open' | 'closed' | 'throw'

export interface RateLimiterOptions {
  /** Names the limiter's keys: 1 to 64 of `A-Z a-z 0-9 _ . -`. */
  readonly name: string
  /** 1 to 8 rules; a call is charged to all of them or to none. */
  readonly rules: readonly Rule[]
  /** When Redis does not answer: allow (`open`), deny (`closed`) or throw. Default: `open`. */
  readonly whenUnavailable?: UnavailablePolicy
  /** How long a decision may take before the policy answers. Default: 100 ms. */
  readonly deadline?: Duration
}

/** A rule as the limiter understood it. */
export interface RuleInfo {
  readonly name: string
  readonly limit: number
  readonly windowMs: number
  readonly burst: number
}

/** One rule's state after a decision. */
export interface RuleState extends RuleInfo {
  /** Whole tokens left. */
  readonly remaining: number
  /** Milliseconds until a whole token more is there (0 when the rule is full), rounded up. */
  readonly nextMs: number
  /** Milliseconds until the rule is full again, rounded up. */
  readonly resetMs: number
}

export interface Decision {
  readonly allowed: boolean
  /** The binding rule: when denied the one to wait for longest, when allowed the one with the least left. */
  readonly rule: string
  /** Whole tokens left under the binding rule. */
  readonly remaining: number
  /** Milliseconds until the same call can pass, rounded up; 0 when allowed. */
  readonly retryAfterMs: number
  /** Names of the rules that denied; empty when allowed. */
  readonly violated: readonly string[]
  /** Every rule's state, in the order of the options. */
  readonly rules: readonly RuleState[]
  /** `policy` when Redis did not answer in time and `whenUnavailable` decided. */
  readonly decidedBy: 'redis' | 'policy'
}

export interface RateLimiter {
  readonly name: string
  readonly rules: readonly RuleInfo[]
  /**
   * Takes `cost` tokens of a subject from every rule, or from none.
   *
   * A denial is a value and costs the subject nothing. One script call; all calls of one turn of the event
   * loop share an EVALSHA.
   */
  take(subject: string, options?: TakeOptions): Promise<Decision>
}

export interface TakeOptions {
  /** Tokens wanted: a whole number from 0 (a look) to the smallest burst. Default: 1. */
  readonly cost?: number
}
