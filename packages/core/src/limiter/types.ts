import type { CalendarUnit } from '../calendar.ts'
import type { Duration } from '../duration.ts'
import type { BreakerEvent } from '../redis/breaker.ts'
import type { DenyCacheOptions } from './deny-cache.ts'
import type { LocalOptions } from './local/local.ts'

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
export type Rule =
  | GcraRule
  | FixedWindowRule
  | CalendarRule
  | SlidingWindowRule
  | SlidingLogRule
  | ConcurrencyRule

export type Algorithm = 'gcra' | 'fixed-window' | 'sliding-window' | 'sliding-log' | 'concurrency'

/** Who is limited: a text, or for rules with `per` an object with a text for each. */
export type Subject = string | Readonly<Record<string, string>>

/**
 * What to answer when Redis does not answer within the deadline: allow, deny, throw, or let this process decide by the
 * same rules, a share of each.
 */
export type UnavailablePolicy = 'open' | 'closed' | 'throw' | { readonly local: LocalOptions }

export interface RateLimiterOptions {
  /** Names the limiter's keys: 1 to 64 of `A-Z a-z 0-9 _ . -`. */
  readonly name: string
  /** 1 to 8 rules, at least one of them not a shadow; a call is charged to all of them or to none. */
  readonly rules: readonly Rule[]
  /**
   * For rules with `per`: the part of the subject whose value decides where all of its states live, so that one
   * script charges them, all or none. The states then belong to that value too: with `routeBy: 'tenant'` a user or an
   * address is counted for each tenant apart. Without it, rules of different parts are charged in their order, and what
   * was charged is given back when a later one denies.
   */
  readonly routeBy?: string
  /**
   * Subjects stand in key names as SHA-256 hashes, for those that are secret, such as API keys. Without it only subjects
   * of more than 64 characters do. Changing it begins all counts anew. Default: false.
   */
  readonly hashSubjects?: boolean
  /**
   * When Redis does not answer: allow (`open`), deny (`closed`), throw, or `{ local: { instances: 4 } }`, by which this
   * process admits a quarter of what the rules allow. Default: `open`.
   */
  readonly whenUnavailable?: UnavailablePolicy
  /** How long a decision may take before the policy answers. Default: 100 ms. */
  readonly deadline?: Duration
  /**
   * Repeats a denial in this process, without asking Redis, until the call could pass, and asks again at least once in
   * `staleness`: a refund, reset or unblock takes effect at once through this limiter, elsewhere by then. Never under
   * concurrency rules; a call with cost 0 always asks. What it repeats, shadow rules do not count. `false` asks Redis for
   * every call. Default: 10,000 subjects, 1 s.
   */
  readonly denyCache?: boolean | DenyCacheOptions
  /** Calls of `wait` that may wait at once; more fail with PENKNIFE_OVERLOADED. Default: 10,000. */
  readonly maxWaiters?: number
}

/** A rule as the limiter understood it. */
export interface RuleInfo {
  readonly name: string
  readonly algorithm: Algorithm
  readonly limit: number
  /** Milliseconds; undefined for calendar periods, whose length varies, and for concurrency. */
  readonly windowMs: number | undefined
  /** Tokens that can be taken at once: `limit` unless a GCRA rule says otherwise. */
  readonly burst: number
}

/** One rule's state after a decision. */
export interface RuleState extends RuleInfo {
  /** Whole tokens (of a concurrency rule: slots) left. */
  readonly remaining: number
  /** Milliseconds until a whole token more is there (0 when the rule is full), rounded up; Infinity under limit 0. */
  readonly nextMs: number
  /** Milliseconds until the rule is full again, rounded up; Infinity under limit 0. */
  readonly resetMs: number
}

/** A shadow rule's state, and what it would have decided. */
export interface ShadowState extends RuleState {
  /** Counted as if it were enforced: a call that it would have denied is not charged to it. */
  readonly allowed: boolean
}

export interface Decision {
  readonly allowed: boolean
  /** The binding rule: when denied the one to wait for longest, when allowed the one with the least left. */
  readonly rule: string
  /** Whole tokens left under the binding rule. */
  readonly remaining: number
  /**
   * Milliseconds until the same call can pass, rounded up; 0 when allowed, Infinity under a rule with limit 0. Under a concurrency rule the time until a
   * lease ends by itself: a release may come sooner.
   */
  readonly retryAfterMs: number
  /** Names of the rules that denied; empty when allowed or blocked. */
  readonly violated: readonly string[]
  /** Every enforced rule's state, in the order of the options. */
  readonly rules: readonly RuleState[]
  /** Every shadow rule's state, in the order of the options. */
  readonly shadow: readonly ShadowState[]
  /** Why the subject is blocked; then nothing was looked at, and every rule reports 0 left until the block ends. */
  readonly blocked?: Block | undefined
  /** The slot that the call holds, if a concurrency rule was charged. */
  readonly lease?: Lease | undefined
  /**
   * `policy` or `local` when Redis did not answer in time and `whenUnavailable` decided; `cache` for a denial that
   * still holds and was repeated in this process.
   */
  readonly decidedBy: 'redis' | 'policy' | 'local' | 'cache'
}

export interface Block {
  readonly reason: string
  /** Milliseconds until it ends by itself, rounded up. */
  readonly endsInMs: number
}

/** A slot of every concurrency rule of a call. */
export interface Lease {
  /** Milliseconds for which it is held, from the charge or the last renewal; the shortest of its rules. */
  readonly leaseMs: number
  /** Holds it for another `leaseMs`; false when it had ended, and then it is not taken again. One script call. */
  renew(): Promise<boolean>
  /** Gives it back; false when it had ended. Repeating it is harmless. One script call. */
  release(): Promise<boolean>
}

/**
 * The rules of a limiter are not those that were declared before: a deploy changed them, or two limiters have one name.
 * Also on the node:diagnostics_channel `penknife:limiter-declaration`, there with the `space`.
 */
export interface RedeclaredEvent {
  readonly kind: 'redeclared'
  readonly limiter: string
  /** Both declarations as people read them. */
  readonly before: string
  readonly now: string
}

export type LimiterEvent = BreakerEvent | RedeclaredEvent

export interface RateLimiter {
  readonly name: string
  readonly rules: readonly RuleInfo[]
  /**
   * Adds a listener for when Redis is given up and asked again, and for rules that another version declared otherwise; the
   * function that comes back removes it.
   */
  on(listener: (event: LimiterEvent) => void): () => void
  /**
   * Takes `cost` tokens of a subject from every rule, or from none.
   *
   * A denial is a value and costs the subject nothing. One script call; all calls of one turn of the event
   * loop share an EVALSHA.
   */
  take(subject: Subject, options?: TakeOptions): Promise<Decision>
  /**
   * Takes tokens as soon as it may, in the order of the calls for a subject in this process: a later call never passes
   * an earlier one, whatever they cost. Never early.
   *
   * Resolves with a denial when `maxWait` is over, or at once when it is known to be too short. Rejects with the signal's
   * reason, with PENKNIFE_OVERLOADED when too many wait, with PENKNIFE_CLOSED once penknife.close() has ended workers and subscriptions, and as `take`. The
   * first waiter of a subject alone asks Redis, and sleeps `retryAfterMs` in between; where that is not certain (a slot may
   * be released, Redis is away) 200 ms at most.
   */
  wait(subject: Subject, options?: WaitOptions): Promise<Decision>
  /**
   * Takes an estimate for work whose cost is known afterwards, to be settled by `commit` or `cancel`. What time has given
   * back of it by then is not given back again, so a late settlement never lets more pass than the rules promise.
   *
   * One that is not settled in time, because its process died, stays charged: nothing is given away that may
   * have been used, and the tokens come back as those of any charge. One script call, and one to settle.
   */
  reserve(subject: Subject, options: ReserveOptions): Promise<Reservation>
  /**
   * Gives back the latest tokens that the subject took, to every rule but those of concurrency; never above the limit, and a
   * state that ended meanwhile stays ended. The tokens count as never taken. If time may have given back the ones
   * you mean, because they were taken a while ago, use `reserve` and `cancel`: a refund does not know when its
   * tokens were taken. One script call. Fails when Redis does not answer.
   */
  refund(subject: Subject, options?: TakeOptions): Promise<readonly RuleState[]>
  /**
   * Charges every rule but those of concurrency without asking. A subject owes at most twice a rule's burst, so it
   * waits at most twice as long as one that used all. One script call. Fails when Redis does not answer.
   */
  penalty(subject: Subject, options?: TakeOptions): Promise<readonly RuleState[]>
  /** Denies every call of a subject for a time. One script call. Fails when Redis does not answer. */
  block(subject: Subject, options: BlockOptions): Promise<void>
  /** Ends a block; false when there was none. One script call. Fails when Redis does not answer. */
  unblock(subject: Subject, options?: UnblockOptions): Promise<boolean>
  /**
   * Deletes everything that Redis knows of a subject under this limiter, whichever process or rules wrote it: what it
   * used, its slots, its block. Fails when Redis does not answer. Two script calls.
   */
  reset(subject: Subject, options?: ResetOptions): Promise<void>
}

export interface TakeOptions {
  /** Tokens wanted: a whole number from 0 (a look) to the smallest burst; more is an error. Default: 1. */
  readonly cost?: number
  /**
   * Rules of this call instead of the limiter's. A rule's state belongs to its name and algorithm: other numbers
   * keep what the subject used. Give the same array again where you can: it is read once.
   */
  readonly rules?: readonly Rule[]
}

export interface WaitOptions extends TakeOptions {
  /** How long to wait at most. Default: a minute. */
  readonly maxWait?: Duration
  /** Ends the waiting; a token taken at that very moment is still handed out. */
  readonly signal?: AbortSignal
}

export interface ReserveOptions extends TakeOptions {
  /** The estimate. */
  readonly cost: number
  /** How long it may be settled, from the call on; then it stays charged as it is. */
  readonly expires: Duration
}

export interface Reservation {
  readonly decision: Decision
  /**
   * Settles with what was really used: the rest is given back, less what time gave back since the charge; what was used
   * beyond is charged without asking. False when it was denied, settled before or came too late; nothing is changed then.
   */
  commit(actual: number): Promise<boolean>
  /** Gives all of it back, less what time gave back since the charge. */
  cancel(): Promise<boolean>
}

export interface BlockOptions {
  readonly duration: Duration
  /** Reported in each decision: 1 to 256 characters. */
  readonly reason: string
  /** Which part of a subject that is an object is blocked. */
  readonly per?: string
}

export interface UnblockOptions {
  /** Which part of a subject that is an object was blocked. */
  readonly per?: string
}

export interface ResetOptions {
  /** Rules that the limiter's options do not name; found by themselves once they were charged. */
  readonly rules?: readonly Rule[]
  /** Only this part of a subject that is an object. Default: all parts that the rules name. */
  readonly per?: string
}
