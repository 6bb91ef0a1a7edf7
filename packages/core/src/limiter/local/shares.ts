import { durationMs } from '../../duration.ts'
import { invalid } from '../../errors.ts'
import type { LimiterDecision, LimiterRuleState } from '../decision-types.ts'
import type { KnownRule } from '../rule.ts'
import type { LimiterRule } from '../rule-types.ts'
import { parseRules, ruleInfo } from '../parse-rules.ts'

/** Rules as given, and as parsed. */
export interface RuleSet {
  readonly given: readonly LimiterRule[]
  readonly rules: readonly KnownRule[]
}

/** This process' share of a rule, and the prefix of its counters' names. */
export interface Share {
  readonly rule: KnownRule
  readonly kind: string
}

/** Divides rules among `instances` processes; the same rules only once. */
export function createShares(instances: number): (rules: RuleSet) => readonly Share[] {
  const known = new WeakMap<RuleSet, readonly Share[]>()
  return (rules) => {
    let shares = known.get(rules)
    if (!shares) {
      const parsed = parseRules(rules.given.map((rule) => divided(rule, instances)))
      // Other numbers use another counter: the rules of a subject hardly change while Redis is away.
      shares = parsed.map((rule) => ({
        rule,
        kind: `${rule.id} ${rule.limit} ${rule.burst} ${rule.windowMs}`,
      }))
      known.set(rules, shares)
    }
    return shares
  }
}

/** One instance's part of a rule. */
function divided(rule: LimiterRule, instances: number): LimiterRule {
  const part = (whole: number): number => {
    const share = Math.floor(whole / instances)
    if (share > 0 || whole === 0) return share
    const fix = `rule '${rule.name}' allows only ${whole}: give at most that many instances, or another whenUnavailable`
    throw invalid('instances', instances, fix)
  }
  const limit = part(rule.limit)
  if (!('burst' in rule) || rule.burst === undefined) return { ...rule, limit }
  // The divided rate may not be exact with a large burst.
  const exact = Math.floor(2 ** 52 / (durationMs('window', rule.window) * 1000))
  return { ...rule, limit, burst: Math.min(part(rule.burst), Math.max(limit, exact)) }
}

/** Turns a decision about shares into one about the rules; `remaining` is of the share. */
export function asWhole(known: readonly KnownRule[], decision: LimiterDecision): LimiterDecision {
  const ofRule = <State extends LimiterRuleState>(state: State): State => {
    const rule = known.find(({ name }) => name === state.name) as KnownRule
    return { ...state, ...ruleInfo(rule) }
  }
  const { rules, shadow } = decision
  return { ...decision, rules: rules.map(ofRule), shadow: shadow.map(ofRule), decidedBy: 'local' }
}
