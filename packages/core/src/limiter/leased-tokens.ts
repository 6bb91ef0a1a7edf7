import type { Correct } from './correction.ts'
import type { LimiterDecision, LimiterRuleState } from './decision-types.ts'

const NONE: readonly never[] = Object.freeze([])

interface Lease {
  readonly count: number
  /** The cost of the call for which they were asked: it used its tokens when Redis charged them. */
  readonly first: number
  /** When they were asked for, by performance.now(). */
  readonly since: number
  /** See `busyUntil`, of the lease before; 0 if there was none. */
  readonly busyUntil: number
}

interface LeaseTerms {
  /** The time in which the fastest rule drains a token; Infinity when none drains. */
  readonly msPerToken: number
  readonly idleMs: number
}

/**
 * Tokens of a subject that this process charged in advance, and may use until they end.
 *
 * Proof that the rules' bounds hold for the calls that it admits, of a GCRA rule: compare its level in Redis with the ideal one, as if
 * each token was charged when it was used. The bound holds while the level exceeds the ideal one by at least the tokens that all
 * processes may still use. A lease raises both by the same; a use lowers both. While the tokens that a process used have not drained,
 * the ideal level is above 0, so both levels drain alike. Otherwise the level alone may drain, and every process lowers what it may use
 * by as much. Time counts from before the lease was asked for, so it counts no less than Redis' time. Of several rules the fastest decides.
 *
 * Of a fixed window: its tokens end with the window in which they were charged.
 */
export class LeasedTokens {
  /** Tokens that may be used. A fraction of one may have drained. */
  #usable: number
  #used: number
  /** Until then the used tokens have not drained, and the others do not. */
  busyUntil: number
  /** When the rest ends. */
  readonly #endsAt: number
  readonly #msPerToken: number
  readonly #count: number
  readonly #since: number
  readonly #base: LimiterDecision
  readonly #correct: Correct

  /** @param base the decision of Redis that charged them */
  constructor(
    { count, first, since, busyUntil }: Lease,
    { msPerToken, idleMs }: LeaseTerms,
    base: LimiterDecision,
    correct: Correct,
  ) {
    this.#usable = count - first
    this.#used = first
    this.busyUntil = Math.max(busyUntil, since) + first * msPerToken
    this.#msPerToken = msPerToken
    this.#count = count
    this.#since = since
    this.#base = base
    this.#correct = correct
    let endsAt = since + idleMs
    for (const { algorithm, resetMs } of base.rules) {
      // Rounded up to a whole millisecond.
      if (algorithm === 'fixed-window') endsAt = Math.min(endsAt, since + resetMs - 1)
    }
    this.#endsAt = endsAt
  }

  /** The decision for a call; undefined when there are not enough tokens. */
  take(cost: number, now: number): LimiterDecision | undefined {
    if (now >= this.#endsAt) return undefined
    if (now > this.busyUntil) {
      this.#usable -= (now - this.busyUntil) / this.#msPerToken
      this.busyUntil = now
    }
    if (this.#usable < cost) return undefined
    this.#usable -= cost
    this.#used += cost
    this.busyUntil += cost * this.#msPerToken
    return this.decision()
  }

  /** Of an allowed call. The states are those at the time of the lease, with the tokens that are left here. */
  decision(): LimiterDecision {
    const { rule, remaining, rules, shadow } = this.#base
    const left = Math.floor(this.#usable)
    return {
      allowed: true,
      rule,
      remaining: remaining + left,
      retryAfterMs: 0,
      violated: NONE,
      rules:
        rules.length === 1
          ? [withMore(rules[0] as LimiterRuleState, left)]
          : rules.map((state) => withMore(state, left)),
      shadow,
      decidedBy: 'lease',
    }
  }

  /** Whether less than a quarter of them was used. */
  get poor(): boolean {
    return 4 * this.#used < this.#count
  }

  /** Gives back what was not used, less what came back with time. Undefined when nothing is left to give back. */
  giveBack(now: number): Promise<unknown> | undefined {
    const unused = this.#count - this.#used
    const [only, other] = this.#base.rules
    const drained = (now - this.#since) / this.#msPerToken
    const isGone = other === undefined && only?.algorithm === 'gcra' && unused <= drained
    if (unused === 0 || isGone) return undefined
    this.#used = this.#count
    this.#usable = 0
    return this.#correct(-unused)
  }
}

function withMore(state: LimiterRuleState, left: number): LimiterRuleState {
  const { name, algorithm, limit, windowMs, burst, remaining, nextMs, resetMs } = state
  return { name, algorithm, limit, windowMs, burst, remaining: remaining + left, nextMs, resetMs }
}
