import { type Charge, type ChargeContext, createCharge } from './charge.ts'
import type { KnownRule } from './rule.ts'
import type { LimiterRule } from './rule-types.ts'
import { parseRules } from './parse-rules.ts'

/** A set of rules, and the script calls that charge a subject under them. */
export interface Plan {
  readonly given: readonly LimiterRule[]
  readonly rules: readonly KnownRule[]
  /** Identifies the rules: the same text means the same plan. */
  readonly text: string
  /** The parts of a subject that its states depend on; only `undefined` for text subjects. */
  readonly parts: readonly (string | undefined)[]
  /** The most tokens that a call can take. */
  readonly most: number
  /** One charge, unless the rules count different parts of a subject that are stored in different places. */
  readonly charges: readonly Charge[]
}

export type PlanOf = (rules: readonly LimiterRule[]) => Plan

/** More than any rule allows; each rule bounds the tokens charged beyond its burst. */
export const LARGEST_COST = 1_000_000_000

const RECENT_PLANS = 1000

/**
 * Parses rules once: the same array, and recently used rules of equal content, keep their plan. `check` throws for plans that
 * cannot be used.
 */
export function createPlans(context: ChargeContext, check: (plan: Plan) => void): PlanOf {
  const known = new WeakMap<readonly LimiterRule[], Plan>()
  const recent = new Map<string, Plan>()

  function create(given: readonly LimiterRule[], text: string, rules: readonly KnownRule[]): Plan {
    const plan = createPlan(context, given, text, rules)
    check(plan)
    return plan
  }

  return (rules) => {
    const found = known.get(rules)
    if (found) return found
    const parsed = parseRules(rules)
    const text = JSON.stringify(rules)
    const plan = recent.get(text) ?? create(rules, text, parsed)
    recent.delete(text)
    recent.set(text, plan)
    if (recent.size > RECENT_PLANS) recent.delete(recent.keys().next().value as string)
    known.set(rules, plan)
    return plan
  }
}

function createPlan(
  context: ChargeContext,
  given: readonly LimiterRule[],
  text: string,
  rules: readonly KnownRule[],
): Plan {
  const { routeBy } = context
  const parts = [...new Set(rules.map(({ per }) => per))]
  const together = context.together ? [parts] : parts.map((part) => [part])
  return {
    given,
    rules,
    text,
    parts: routeBy === undefined ? parts : [...new Set([...parts, routeBy])],
    most: Math.min(...rules.filter(({ shadow }) => !shadow).map(({ most }) => most), LARGEST_COST),
    charges: together.map((group) => {
      const charged = rules.filter(({ per }) => group.includes(per))
      return createCharge(context, charged)
    }),
  }
}
