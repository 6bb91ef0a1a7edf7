import { invalid } from '../errors.ts'
import { checkOptions, wholeNumber } from '../options.ts'
import { createBlocks } from './blocks.ts'
import type { Charge, ChargeContext } from './charge.ts'
import { together } from './correction.ts'
import type { Declaration } from './declaration.ts'
import type { Fallback } from './fallback.ts'
import type { LimiterRuleState } from './decision-types.ts'
import { LARGEST_COST, type Plan, type PlanOf } from './plan.ts'
import { createReset } from './reset.ts'
import { checkSubject } from './subjects.ts'
import type { RateLimiter, LimiterSubject, LimiterTakeOptions } from './types.ts'

type Controls = Pick<RateLimiter, 'refund' | 'penalty' | 'set' | 'block' | 'unblock' | 'blocks' | 'reset'>

export interface ControlsContext extends ChargeContext {
  readonly declaration: Declaration
  /** The plan of the limiter's own rules. */
  readonly ownPlan: Plan
  readonly planOf: PlanOf
  /** What this process does instead of Redis, under the local policy. */
  readonly local: Fallback['local']
  /** Reports that this process did what Redis did not take. Throws the error of a wrong argument. */
  readonly onLocal: (error: unknown) => void
  /** Called when a subject may have got tokens or slots back. */
  readonly onTokensBack: (subject: LimiterSubject) => void
}

/** Creates the methods that change a subject's state without a decision. */
export function createControls(context: ControlsContext): Controls {
  const { declaration, ownPlan, planOf, local, onLocal, onTokensBack } = context
  const parts = [...new Set(ownPlan.rules.map((rule) => rule.per))]

  async function adjust(
    subject: LimiterSubject,
    rules: LimiterTakeOptions['rules'],
    change: (charge: Charge, subject: LimiterSubject) => Promise<readonly LimiterRuleState[]>,
    tokens?: number,
  ): Promise<readonly LimiterRuleState[]> {
    const plan = rules === undefined ? ownPlan : planOf(rules)
    const checked = checkSubject(subject, plan.parts)
    let states: (readonly LimiterRuleState[])[]
    try {
      if (declaration.due) await declaration.check()
      states = await together(plan.charges.map((charge) => change(charge, checked)))
    } catch (error) {
      if (local === undefined || tokens === undefined) throw error
      onLocal(error)
      return local.add(plan, checked, tokens)
    }
    const order = plan.rules.map((rule) => rule.name)
    return states.flat().toSorted((a, b) => order.indexOf(a.name) - order.indexOf(b.name))
  }

  /** Refuses a part that no rule of the limiter has. */
  function checkPart(per: string | undefined): void {
    if (parts.includes(per)) return
    throw invalid('per', per, parts[0] === undefined ? 'leave it out' : `give one of ${parts.join(', ')}`)
  }

  const { unlist, ...blocks } = createBlocks({ ...context, checkPart })

  return {
    async refund(subject, given) {
      const { cost, rules } = costOf('refund', given)
      return adjust(subject, rules, (charge, checked) => charge.add(checked, -cost), -cost).finally(() =>
        onTokensBack(subject),
      )
    },
    async penalty(subject, given) {
      const { cost, rules } = costOf('penalty', given)
      return adjust(subject, rules, (charge, checked) => charge.add(checked, cost), cost).finally(() =>
        onTokensBack(subject),
      )
    },
    async set(subject, setting) {
      checkOptions('set', setting, ['used', 'rules'])
      const used = wholeNumber('used', setting.used, 0, LARGEST_COST)
      return adjust(subject, setting.rules, (charge, checked) => charge.set(checked, used)).finally(() =>
        onTokensBack(subject),
      )
    },
    ...blocks,
    reset: createReset({ ...context, parts, checkPart, unlist }),
  }
}

function costOf(
  what: string,
  given: LimiterTakeOptions = {},
): { readonly cost: number; readonly rules: LimiterTakeOptions['rules'] } {
  checkOptions(what, given, ['cost', 'rules'])
  const { cost = 1, rules } = given
  return { cost: wholeNumber('cost', cost, 0, LARGEST_COST), rules }
}
