import type { LimiterRuleInfo } from './rule-types.ts'

/** One rule's state after a decision. */
export interface LimiterRuleState extends LimiterRuleInfo {
  /** Whole tokens (of a concurrency rule: slots) left. */
  readonly remaining: number
  /** Milliseconds until a whole token more is there (0 when the rule is full), rounded up; Infinity under limit 0. */
  readonly nextMs: number
  /** Milliseconds until the rule is full again, rounded up; Infinity under limit 0. */
  readonly resetMs: number
}

/** A shadow rule's state, and what it would have decided. */
export interface LimiterShadowState extends LimiterRuleState {
  /** Counted as if it were enforced: a call that it would have denied is not charged to it. */
  readonly allowed: boolean
}

export interface LimiterDecision {
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
  readonly rules: readonly LimiterRuleState[]
  /** Every shadow rule's state, in the order of the options. */
  readonly shadow: readonly LimiterShadowState[]
  /** Why the subject is blocked; then nothing was looked at, and every rule reports 0 left until the block ends. */
  readonly blocked?: LimiterBlock | undefined
  /** The slot that the call holds, if a concurrency rule was charged. */
  readonly lease?: Lease | undefined
  /**
   * `policy` or `local` when Redis did not answer in time and `whenUnavailable` decided; `cache` for a denial that
   * still holds and was repeated in this process.
   */
  readonly decidedBy: 'redis' | 'policy' | 'local' | 'cache'
}

export interface LimiterBlock {
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
