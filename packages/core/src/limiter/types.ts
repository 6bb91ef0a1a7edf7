import type { Duration } from '../duration.ts'
import type { Effect } from '../record/effect.ts'
import type { BreakerEvent } from '../redis/breaker.ts'
import type { LimiterBannedEvent, LimiterBanOptions } from './ban-types.ts'
import type {
  LimiterBlockOptions,
  LimiterBlocksOptions,
  LimiterBlocksPage,
  LimiterUnblockOptions,
} from './block-types.ts'
import type { LimiterDecision, LimiterRuleState } from './decision-types.ts'
import type { LimiterResetOptions, LimiterResetResult } from './reset-types.ts'
import type { LimiterRule, LimiterRuleInfo } from './rule-types.ts'
import type { LimiterSubject } from './subject-types.ts'

export type { LimiterSubject }

/** How this process decides alone while Redis does not answer. */
export interface LimiterLocalOptions {
  /** How many processes share the limits. Each process admits one part in so many of every limit and burst, rounded down. */
  readonly instances: number
  /**
   * The most states kept in memory, one for each subject and rule. When all are in use, further subjects share one state,
   * and together get one subject's quota. Default: 10,000.
   */
  readonly states?: number | undefined
}

/**
 * What a limiter does when Redis does not answer within the deadline: allow, deny, throw, or let this process decide by its
 * share of the same rules.
 */
export type LimiterUnavailablePolicy = 'open' | 'closed' | 'throw' | { readonly local: LimiterLocalOptions }

/** How this process caches denials. */
export interface LimiterDenyCacheOptions {
  /**
   * The most subjects whose denials are cached; beyond that the latest ones stay. With one rule a subject takes 0.8 KB, and
   * 1.2 KB once its denial was repeated; with three rules 1.0 and 1.6 KB (`pnpm bench limiter.memory`). Default: 10,000.
   */
  readonly entries?: number | undefined
  /**
   * How long a denial is repeated before Redis is asked again. A refund, reset or unblock in another process may go
   * unnoticed for that long. Default: 1 s.
   */
  readonly staleness?: Duration | undefined
}

/** Tokens that this process charges in advance, to decide without Redis. */
export interface LimiterTokenLeaseOptions {
  /**
   * How many tokens of a subject are charged at once: a whole number from 2 to the smallest burst. Calls that cost more ask Redis. Tokens
   * that time gives back in Redis end here too: with a GCRA rule an unused lease lasts at most `tokens * window / limit`.
   */
  readonly tokens: number
  /** How long unused tokens are kept, before they are given back: 10 ms to 1 h. Default: 1 s. */
  readonly idle?: Duration | undefined
  /** The most subjects with leased tokens; the calls of further ones ask Redis. 1 to 10,000,000. Default: 100,000. */
  readonly subjects?: number | undefined
}

export interface RateLimiterOptions {
  /** 1 to 8 rules, at least one of them not a shadow. A call is charged to all of them or to none. */
  readonly rules: readonly LimiterRule[]
  /**
   * For rules with `per`: the part of the subject whose value decides where all states are stored. One script can then
   * charge all rules or none. Counts are separate for each value of that part: with `routeBy: 'tenant'` a user or an
   * address is counted once for each tenant. Without it, rules of different parts are charged one after the other, and
   * tokens already charged are given back when a later rule denies.
   */
  readonly routeBy?: string | undefined
  /**
   * Where states are stored on a cluster: spread over it by subject, or all in the slot of the space. With `space` the effect `taking` can be
   * used, and one script charges rules of different parts. Concurrency rules are refused then. Changing it starts all counts anew on a
   * cluster, and on one server too. Default: `spread`.
   */
  readonly place?: 'spread' | 'space' | undefined
  /**
   * Key names contain SHA-256 hashes instead of subjects. Use it for secrets such as API keys. Without it only subjects
   * of more than 64 characters are hashed. Changing it starts all counts anew. Default: false.
   */
  readonly hashSubjects?: boolean | undefined
  /**
   * When Redis does not answer: allow (`open`), deny (`closed`), throw, or decide in this process. With
   * `{ local: { instances: 4 } }` this process admits a quarter of what the rules allow. Default: `open`.
   */
  readonly whenUnavailable?: LimiterUnavailablePolicy | undefined
  /** How long Redis may take to decide before `whenUnavailable` decides. Default: 100 ms. */
  readonly deadline?: Duration | undefined
  /**
   * Repeats a denial in this process, without asking Redis, until the call could pass, but no longer than `staleness`.
   * A refund, reset or unblock through this limiter takes effect at once; one in another process within `staleness`.
   * Denials under a concurrency rule are never repeated, and a call with cost 0 always asks Redis. Shadow rules do not
   * count repeated denials. `false` asks Redis for every call. Default: 10,000 subjects, 1 s.
   */
  readonly denyCache?: boolean | LimiterDenyCacheOptions | undefined
  /**
   * Bans a subject after too many denied calls, each time for longer. Such a limiter always charges by the script for all algorithms, and
   * only denials of blocked subjects are repeated without asking Redis, because every other denial is counted. Default: none.
   */
  readonly ban?: LimiterBanOptions | undefined
  /**
   * Denied calls are charged too, up to twice a rule's burst. A subject that goes on calling stays denied, for up to two windows after its
   * last call. Such a limiter always charges by the script for all algorithms, and only denials of blocked subjects are repeated without
   * asking Redis. Rules over different parts of a subject without `routeBy`: only the part that denied is charged. Default: false.
   */
  readonly countDenied?: boolean | undefined
  /**
   * Counts denials by subject and rule, for tools: this process sends the most denied subjects to Redis, at most once in ten seconds. They
   * are stored there for at most eight minutes, in the form that names of keys have. False: nothing is counted. Default: true.
   */
  readonly reportDenied?: boolean | undefined
  /**
   * Decides most calls of a busy subject in this process, by tokens that it charged in advance. What the rules promise stays true, because
   * tokens are charged before they are used. But up to `tokens` of a subject may be unused in each process, for up to `idle`, while another
   * process denies. A block, `set` or `reset` by another process takes effect within `idle`. Calls with `rules` of their own, and
   * reservations, ask Redis. Only for `gcra` and `fixed-window` rules, without `ban` and `countDenied`. Default: none.
   */
  readonly lease?: LimiterTokenLeaseOptions | undefined
  /** How many calls of `wait` may wait at once; more fail with PENKNIFE_OVERLOADED. Default: 10,000. */
  readonly maxWaiters?: number | undefined
}

/**
 * The rules of a limiter differ from those that were declared before: a deploy changed them, or two limiters have the same
 * name. Also on the node:diagnostics_channel `penknife:limiter-declaration`.
 */
export interface LimiterRedeclaredEvent {
  readonly kind: 'redeclared'
  readonly space: string
  readonly name: string
  /** Both declarations as readable text. */
  readonly before: string
  readonly now: string
}

/** The limiter stops sending calls to a Redis server that does not answer (`open`), or sends them again (`closed`). */
export type LimiterBreakerEvent = BreakerEvent & { readonly space: string; readonly name: string }

export type LimiterEvent = LimiterBreakerEvent | LimiterRedeclaredEvent | LimiterBannedEvent

/** A decision of a limiter, on the node:diagnostics_channel `penknife:limiter`. */
export interface LimiterDecisionEvent {
  readonly kind: 'decision'
  readonly space: string
  readonly name: string
  readonly subject: LimiterSubject
  readonly decision: LimiterDecision
}

export interface RateLimiter {
  readonly name: string
  /** Without the shadow rules, in their order. */
  readonly rules: readonly LimiterRuleInfo[]
  /**
   * Adds a listener; the returned function removes it. Events: a server is no longer asked (`open`), is asked again
   * (`closed`), another version declared other rules (`redeclared`), or a call of this process banned a subject (`banned`).
   */
  on(listener: (event: LimiterEvent) => void): () => void
  /**
   * Takes `cost` tokens of a subject from every rule, or from none.
   *
   * A denial is a value, not an error, and costs the subject nothing. One script call; calls made in the same tick share
   * an EVALSHA.
   */
  take(subject: LimiterSubject, options?: LimiterTakeOptions): Promise<LimiterDecision>
  /**
   * As `take`, if this process can decide at once: by leased tokens, or by a cached denial. Undefined when it cannot; nothing was taken then,
   * so call `take`. Never asks Redis.
   *
   * @throws PENKNIFE_INVALID for a wrong subject or cost.
   */
  takeNow(subject: LimiterSubject, options?: Pick<LimiterTakeOptions, 'cost'>): LimiterDecision | undefined
  /**
   * An effect for `record` and `commit`: takes `cost` tokens (1 or more; default: 1) of a subject, or refuses all changes of the call. Its result is the
   * decision. It needs `place: 'space'`, and neither `whenUnavailable` nor `denyCache` apply to it: without Redis the whole call fails.
   *
   * @throws PENKNIFE_INVALID for a wrong subject or cost, and without `place: 'space'`.
   */
  taking(subject: LimiterSubject, cost?: number): Effect<LimiterDecision>
  /**
   * Takes tokens as soon as the rules allow it, never earlier. Calls for one subject in this process keep their order: a
   * later call never passes an earlier one, whatever they cost.
   *
   * Resolves with a denial when `maxWait` is over, or at once when `maxWait` is known to be too short. Rejects with the
   * signal's reason, with PENKNIFE_OVERLOADED when too many calls wait, with PENKNIFE_CLOSED once penknife.close() has
   * ended workers and subscriptions, and with the errors of `take`.
   *
   * Only the first waiting call of a subject asks Redis, and sleeps `retryAfterMs` in between. It sleeps 200 ms at most
   * where that time is not certain: a slot may be released, or Redis is away.
   */
  wait(subject: LimiterSubject, options?: LimiterWaitOptions): Promise<LimiterDecision>
  /**
   * Takes an estimated cost for work whose real cost is known afterwards. Settle it by `commit` or `cancel`. Tokens that
   * came back with time are not given back again, so a late settlement never lets more pass than the rules promise.
   *
   * A reservation that is not settled in time, because its process died, stays charged, since the tokens may have been
   * used. They come back with time like those of any charge. One script call, and one more to settle.
   */
  reserve(subject: LimiterSubject, options: LimiterReserveOptions): Promise<LimiterReservation>
  /**
   * Gives back the latest tokens that the subject took, in every rule but concurrency rules, never above the limit. The
   * tokens count as never taken. A window that ended meanwhile gets nothing back.
   *
   * A refund does not know when its tokens were taken. If they were taken a while ago, time may have given them back
   * already: use `reserve` and `cancel` instead. One script call. When Redis does not answer it fails, or with `whenUnavailable: { local }` gives back
   * what this process counted.
   */
  refund(subject: LimiterSubject, options?: LimiterTakeOptions): Promise<readonly LimiterRuleState[]>
  /**
   * Charges every rule but concurrency rules, even above the limit. A subject owes at most twice a rule's burst, so it
   * waits at most twice as long as one that used its whole quota. One script call. When Redis does not answer it fails, or with
   * `whenUnavailable: { local }` charges this process' share.
   */
  penalty(subject: LimiterSubject, options?: LimiterTakeOptions): Promise<readonly LimiterRuleState[]>
  /**
   * Sets how many tokens a subject has used, in every rule but concurrency rules: from 0 to twice a rule's burst; more counts as that.
   * The tokens count as taken now. One script call. Fails when Redis does not answer.
   */
  set(subject: LimiterSubject, options: LimiterSetOptions): Promise<readonly LimiterRuleState[]>
  /**
   * Denies every call of a subject for a time, or forever. Resolves with what blocks it: 'redis', or with `whenUnavailable: { local }` 'local'
   * when Redis does not answer. Then only this process blocks it, only while Redis is away: block it again later. With other policies it
   * fails. One script call, two for `forever`.
   *
   * @throws PENKNIFE_FULL for `forever` when the limiter blocks 100,000 subjects so.
   */
  block(subject: LimiterSubject, options: LimiterBlockOptions): Promise<'redis' | 'local'>
  /** Ends a block. Resolves with false when there was none. Two script calls. Fails when Redis does not answer. */
  unblock(subject: LimiterSubject, options?: LimiterUnblockOptions): Promise<boolean>
  /** Lists the blocks without an end, in no particular order that stays the same. One script call, and one for each 64 blocks. */
  blocks(options?: LimiterBlocksOptions): Promise<LimiterBlocksPage>
  /**
   * Deletes everything stored about a subject under this limiter, whichever process or rules wrote it: used tokens, slots
   * and its block. Resolves with what it found. Two script calls, and one more for a block without an end. Fails when Redis does not answer.
   */
  reset(subject: LimiterSubject, options?: LimiterResetOptions): Promise<LimiterResetResult>
}

export interface LimiterTakeOptions {
  /** Tokens wanted: a whole number from 0 (reads without charging) to the smallest burst; more is an error. Default: 1. */
  readonly cost?: number | undefined
  /**
   * Rules of this call instead of the limiter's. A rule's state belongs to its name and algorithm, so with other numbers
   * used tokens stay used. Pass the same array again where you can: an array is parsed once.
   */
  readonly rules?: readonly LimiterRule[] | undefined
}

export interface LimiterWaitOptions extends LimiterTakeOptions {
  /** The longest time to wait. Default: 1 minute. */
  readonly maxWait?: Duration | undefined
  /** Aborts the wait. If Redis is being asked at that moment and allows, the call still resolves. */
  readonly signal?: AbortSignal | undefined
}

export interface LimiterReserveOptions extends LimiterTakeOptions {
  /** The estimated cost. */
  readonly cost: number
  /** How long after the call it may be settled; after that the estimate stays charged. */
  readonly expires: Duration
}

export interface LimiterReservation {
  readonly decision: LimiterDecision
  /**
   * Settles with the real cost. If it is lower than the estimate, the rest is given back, less the tokens that came back
   * with time. If it is higher, the difference is charged even above the limit. Resolves with false, and changes nothing,
   * when the reservation was denied, settled before or expired.
   */
  commit(actual: number): Promise<boolean>
  /** Gives all tokens back, less those that came back with time since the charge. */
  cancel(): Promise<boolean>
}

export interface LimiterSetOptions {
  /** Tokens in use: a whole number from 0. */
  readonly used: number
  /** Rules of this call instead of the limiter's. */
  readonly rules?: readonly LimiterRule[] | undefined
}
