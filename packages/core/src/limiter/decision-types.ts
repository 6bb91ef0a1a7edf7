import type { Lease } from '../lease.ts'
import type { LimiterRuleInfo } from './rule-types.ts'

/** One rule's state after a decision. */
export interface LimiterRuleState extends LimiterRuleInfo {
  /** Whole tokens (of a concurrency rule: slots) left. */
  readonly remaining: number
  /** Milliseconds until one more whole token is available (0 when the rule is full), rounded up; Infinity under limit 0. */
  readonly nextMs: number
  /** Milliseconds until the rule is full again, rounded up; Infinity under limit 0. */
  readonly resetMs: number
}

/** A shadow rule's state, and its decision if it were enforced. */
export interface LimiterShadowState extends LimiterRuleState {
  /** What the rule would have decided. A call that it would have denied is not charged to it. */
  readonly allowed: boolean
}

export interface LimiterDecision {
  readonly allowed: boolean
  /** The binding rule: of a denial the rule with the longest wait, otherwise the rule with the fewest tokens left. */
  readonly rule: string
  /** Whole tokens left under the binding rule. */
  readonly remaining: number
  /**
   * Milliseconds until the same call can pass, rounded up; 0 when allowed, Infinity under a rule with limit 0. Under a
   * concurrency rule it is the time until a lease expires; a slot may be released sooner.
   */
  readonly retryAfterMs: number
  /** Names of the rules that denied; empty when allowed or blocked. */
  readonly violated: readonly string[]
  /** Every enforced rule's state, in the order of the options. */
  readonly rules: readonly LimiterRuleState[]
  /** Every shadow rule's state, in the order of the options. */
  readonly shadow: readonly LimiterShadowState[]
  /** Why the subject is blocked. The rules were not checked then, and each reports 0 remaining until the block ends. */
  readonly blocked?: LimiterBlock | undefined
  /** The ban that would deny this call if `ban.shadow` were not set; of several parts of a subject the one that ends last. */
  readonly shadowBan?: LimiterBlock | undefined
  /** The lease of the call's slots, if a concurrency rule was charged. */
  readonly lease?: LimiterLease | undefined
  /**
   * What decided: Redis, tokens that this process leased (`lease`), its deny cache (`cache`), or `whenUnavailable` because Redis did not answer in
   * time (`policy`, `local`).
   */
  readonly decidedBy: 'redis' | 'lease' | 'policy' | 'local' | 'cache'
}

export interface LimiterBlock {
  readonly reason: string
  /** Milliseconds until it ends by itself, rounded up; Infinity if it has no end. */
  readonly endsInMs: number
  /** Which ban in a row it is, from 1, if the limiter's `ban` blocked the subject. */
  readonly ban?: number | undefined
}

/** The lease of a call's slots: one slot of each concurrency rule. Your code renews it; nothing else does. */
export interface LimiterLease extends Lease {
  /** The length of the lease in milliseconds, from the charge or the last renewal; the shortest of its rules. */
  readonly leaseMs: number
  /** Renews the lease for another `leaseMs`. False when it had expired; the slots are not taken again then. One script call. */
  renew(): Promise<boolean>
  /** Gives the slots back. False when the lease had expired. A repeated call resolves with the first answer. One script call. */
  release(): Promise<boolean>
}
