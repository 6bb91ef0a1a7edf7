import { invalid } from '../errors.ts'
import { checkOptions } from '../options.ts'
import type { Taken } from './correction.ts'
import { policyDecision } from './decision.ts'
import { createLocal, type Local } from './local/local.ts'
import type { RuleSet } from './local/shares.ts'
import type { Locate } from './subjects.ts'
import type { LimiterSubject, LimiterUnavailablePolicy } from './types.ts'

/** Decides when Redis does not answer. */
export interface Fallback {
  readonly policy: 'open' | 'closed' | 'throw' | 'local'
  /** Refuses rules for which it cannot decide. */
  check(plan: RuleSet): void
  /** Decides, or throws the error of Redis. */
  decide(plan: RuleSet, subject: LimiterSubject, cost: number, error: unknown): Taken
  /** What this process does instead of Redis, under the local policy. */
  readonly local?: Pick<Local, 'add' | 'blocks'>
}

export function createFallback(
  policy: LimiterUnavailablePolicy,
  locate: Locate,
  countDenied: boolean,
): Fallback {
  if (typeof policy === 'object' && policy !== null) {
    checkOptions('whenUnavailable', policy, ['local'])
    const local = createLocal(policy.local, locate, countDenied)
    return { policy: 'local', check: local.check, decide: local.decide, local }
  }
  const check = (): void => {}
  switch (policy) {
    case 'open':
    case 'closed':
      return {
        policy,
        check,
        decide: ({ rules }, _subject, cost) => ({ decision: policyDecision(rules, policy === 'open', cost) }),
      }
    case 'throw':
      return {
        policy,
        check,
        decide(_plan, _subject, _cost, error) {
          throw error
        },
      }
    default:
      throw invalid(
        'whenUnavailable',
        policy,
        "give 'open', 'closed' or 'throw', or { local: { instances: 4 } }",
      )
  }
}
