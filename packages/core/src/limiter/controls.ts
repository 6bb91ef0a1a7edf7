import { invalid } from '../errors.ts'
import { checkOptions, isName, wholeNumber } from '../options.ts'
import { limiterReset } from '../redis/scripts.gen.ts'
import { createBlocks } from './blocks.ts'
import type { Charge, ChargeContext } from './charge.ts'
import { together } from './correction.ts'
import type { Declaration } from './declaration.ts'
import type { Fallback } from './fallback.ts'
import type { LimiterRuleState } from './decision-types.ts'
import { LARGEST_COST, type Plan, type PlanOf } from './plan.ts'
import { hasOwnKey, ownKey, partName } from './subject-keys.ts'
import { checkSubject, isSubject, type Place } from './subjects.ts'
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
  const {
    name,
    keys,
    locate,
    routeBy,
    bind,
    registry,
    declaration,
    ownPlan,
    planOf,
    local,
    onLocal,
    onTokensBack,
  } = context
  const resetPort = bind(limiterReset, [])
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

  /** The parts of this limiter's rules, and all parts of the subject: rules of other processes may count those. */
  function partsOf(subject: LimiterSubject): readonly (string | undefined)[] {
    if (typeof subject !== 'object' || subject === null || parts[0] === undefined) return parts
    const others = Object.entries(subject).filter(([part, value]) => isName(part, 32) && isSubject(value))
    return [...new Set([...parts, ...others.map(([part]) => part)])]
  }

  function placeOf(subject: LimiterSubject, part: string | undefined): Place {
    const needed = routeBy === undefined ? [part] : [...new Set([part, routeBy])]
    return locate(checkSubject(subject, needed), part)
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
    async reset(subject, given = {}) {
      checkOptions('reset', given, ['rules', 'per'])
      if (given.per !== undefined) checkPart(given.per)
      const wanted = given.per === undefined ? partsOf(subject) : [given.per]
      for (const part of wanted) local?.blocks.remove(part, placeOf(subject, part).keyName)
      const rules = [
        ...(given.rules ? planOf(given.rules).rules : []),
        ...ownPlan.rules,
        ...(await registry.all()),
      ]
      const found = wanted.flatMap((part) => {
        const place = placeOf(subject, part)
        const own = rules
          .filter((rule) => hasOwnKey(rule) && rule.per === part)
          .map((rule) => ownKey(keys, partName(name, part), rule, place))
        return [keys.limit(place.route, partName(name, part), place.keyName), ...own].map(
          (key) => [key, { route: place.route, part }] as const,
        )
      })
      const unique = [...new Map(found)]
      const deleted = await together(unique.map(([key, { route }]) => resetPort(route, key)))
      onTokensBack(subject)
      await together(deleted.map((ended, at) => unlist(subject, unique[at]?.[1].part, ended)))
      return deleted.some((ended) => ended > 0)
    },
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
