import type { Duration } from '../duration.ts'
import type { BreakerEvent } from '../redis/breaker.ts'
import type { LimiterDecision, LimiterRuleState } from './decision-types.ts'
import type { LimiterRule, LimiterRuleInfo } from './rule-types.ts'

/** Who is limited: a text, or for rules with `per` an object with a text for each. */
export type LimiterSubject = string | Readonly<Record<string, string>>

/** A limiter of this process alone, for the time in which Redis does not answer. */
export interface LimiterLocalOptions {
  /** How many processes share the limits: each admits this part of every rule's limit and burst, rounded down. */
  readonly instances: number
  /**
   * States that are kept at most, one for each subject and rule. When all are in use, further subjects share one:
   * together they get what one of them would. Default: 10,000.
   */
  readonly states?: number
}

/**
 * What to answer when Redis does not answer within the deadline: allow, deny, throw, or let this process decide by the
 * same rules, a share of each.
 */
export type LimiterUnavailablePolicy = 'open' | 'closed' | 'throw' | { readonly local: LimiterLocalOptions }

/** How denials are remembered in this process. */
export interface LimiterDenyCacheOptions {
  /**
   * Subjects whose denials are remembered at most; of more the latest. With one rule 0.8 KB each, and 1.2 KB once it
   * was repeated; with three 1.0 and 1.6 KB (`pnpm bench limiter.memory`). Default: 10,000.
   */
  readonly entries?: number
  /**
   * How long a denial is repeated before Redis is asked again: so long a refund, reset or unblock in another
   * process may go unnoticed. Default: 1 s.
   */
  readonly staleness?: Duration
}

export interface RateLimiterOptions {
  /** 1 to 8 rules, at least one of them not a shadow; a call is charged to all of them or to none. */
  readonly rules: readonly LimiterRule[]
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
  readonly whenUnavailable?: LimiterUnavailablePolicy
  /** How long a decision may take before the policy answers. Default: 100 ms. */
  readonly deadline?: Duration
  /**
   * Repeats a denial in this process, without asking Redis, until the call could pass, and asks again at least once in
   * `staleness`: a refund, reset or unblock takes effect at once through this limiter, elsewhere by then. Never under
   * concurrency rules; a call with cost 0 always asks. What it repeats, shadow rules do not count. `false` asks Redis for
   * every call. Default: 10,000 subjects, 1 s.
   */
  readonly denyCache?: boolean | LimiterDenyCacheOptions
  /** Calls of `wait` that may wait at once; more fail with PENKNIFE_OVERLOADED. Default: 10,000. */
  readonly maxWaiters?: number
}

/**
 * The rules of a limiter are not those that were declared before: a deploy changed them, or two limiters have one name.
 * Also on the node:diagnostics_channel `penknife:limiter-declaration`, there with the `space`.
 */
export interface LimiterRedeclaredEvent {
  readonly kind: 'redeclared'
  readonly limiter: string
  /** Both declarations as people read them. */
  readonly before: string
  readonly now: string
}

export type LimiterEvent = BreakerEvent | LimiterRedeclaredEvent

export interface RateLimiter {
  readonly name: string
  readonly rules: readonly LimiterRuleInfo[]
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
  take(subject: LimiterSubject, options?: LimiterTakeOptions): Promise<LimiterDecision>
  /**
   * Takes tokens as soon as it may, in the order of the calls for a subject in this process: a later call never passes
   * an earlier one, whatever they cost. Never early.
   *
   * Resolves with a denial when `maxWait` is over, or at once when it is known to be too short. Rejects with the signal's
   * reason, with PENKNIFE_OVERLOADED when too many wait, with PENKNIFE_CLOSED once penknife.close() has ended workers and subscriptions, and as `take`. The
   * first waiter of a subject alone asks Redis, and sleeps `retryAfterMs` in between; where that is not certain (a slot may
   * be released, Redis is away) 200 ms at most.
   */
  wait(subject: LimiterSubject, options?: LimiterWaitOptions): Promise<LimiterDecision>
  /**
   * Takes an estimate for work whose cost is known afterwards, to be settled by `commit` or `cancel`. What time has given
   * back of it by then is not given back again, so a late settlement never lets more pass than the rules promise.
   *
   * One that is not settled in time, because its process died, stays charged: nothing is given away that may
   * have been used, and the tokens come back as those of any charge. One script call, and one to settle.
   */
  reserve(subject: LimiterSubject, options: LimiterReserveOptions): Promise<LimiterReservation>
  /**
   * Gives back the latest tokens that the subject took, to every rule but those of concurrency; never above the limit, and a
   * state that ended meanwhile stays ended. The tokens count as never taken. If time may have given back the ones
   * you mean, because they were taken a while ago, use `reserve` and `cancel`: a refund does not know when its
   * tokens were taken. One script call. Fails when Redis does not answer.
   */
  refund(subject: LimiterSubject, options?: LimiterTakeOptions): Promise<readonly LimiterRuleState[]>
  /**
   * Charges every rule but those of concurrency without asking. A subject owes at most twice a rule's burst, so it
   * waits at most twice as long as one that used all. One script call. Fails when Redis does not answer.
   */
  penalty(subject: LimiterSubject, options?: LimiterTakeOptions): Promise<readonly LimiterRuleState[]>
  /** Denies every call of a subject for a time. One script call. Fails when Redis does not answer. */
  block(subject: LimiterSubject, options: LimiterBlockOptions): Promise<void>
  /** Ends a block; false when there was none. One script call. Fails when Redis does not answer. */
  unblock(subject: LimiterSubject, options?: LimiterUnblockOptions): Promise<boolean>
  /**
   * Deletes everything that Redis knows of a subject under this limiter, whichever process or rules wrote it: what it
   * used, its slots, its block. Fails when Redis does not answer. Two script calls.
   */
  reset(subject: LimiterSubject, options?: LimiterResetOptions): Promise<void>
}

export interface LimiterTakeOptions {
  /** Tokens wanted: a whole number from 0 (a look) to the smallest burst; more is an error. Default: 1. */
  readonly cost?: number
  /**
   * Rules of this call instead of the limiter's. A rule's state belongs to its name and algorithm: other numbers
   * keep what the subject used. Give the same array again where you can: it is read once.
   */
  readonly rules?: readonly LimiterRule[]
}

export interface LimiterWaitOptions extends LimiterTakeOptions {
  /** How long to wait at most. Default: a minute. */
  readonly maxWait?: Duration
  /** Ends the waiting; a token taken at that very moment is still handed out. */
  readonly signal?: AbortSignal
}

export interface LimiterReserveOptions extends LimiterTakeOptions {
  /** The estimate. */
  readonly cost: number
  /** How long it may be settled, from the call on; then it stays charged as it is. */
  readonly expires: Duration
}

export interface LimiterReservation {
  readonly decision: LimiterDecision
  /**
   * Settles with what was really used: the rest is given back, less what time gave back since the charge; what was used
   * beyond is charged without asking. False when it was denied, settled before or came too late; nothing is changed then.
   */
  commit(actual: number): Promise<boolean>
  /** Gives all of it back, less what time gave back since the charge. */
  cancel(): Promise<boolean>
}

export interface LimiterBlockOptions {
  readonly duration: Duration
  /** Reported in each decision: 1 to 256 characters. */
  readonly reason: string
  /** Which part of a subject that is an object is blocked. */
  readonly per?: string
}

export interface LimiterUnblockOptions {
  /** Which part of a subject that is an object was blocked. */
  readonly per?: string
}

export interface LimiterResetOptions {
  /** Rules that the limiter's options do not name; found by themselves once they were charged. */
  readonly rules?: readonly LimiterRule[]
  /** Only this part of a subject that is an object. Default: all parts that the rules name. */
  readonly per?: string
}
