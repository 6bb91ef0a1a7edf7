import { durationMs } from '../duration.ts'
import { invalid } from '../errors.ts'
import { checkOptions, checkText, isName, wholeNumber } from '../options.ts'
import type { Route } from '../redis/keys.ts'
import { limiterBlock, limiterReset, limiterUnblock } from '../redis/scripts.gen.ts'
import type { Charge, ChargeContext } from './charge.ts'
import { together } from './correction.ts'
import type { Declaration } from './declaration.ts'
import type { LimiterRuleState } from './decision-types.ts'
import { LARGEST_COST, type Plan, type PlanOf } from './plan.ts'
import { hasOwnKey, ownKey, partName } from './subject-keys.ts'
import { checkSubject, isSubject, type Place } from './subjects.ts'
import type { RateLimiter, LimiterSubject, LimiterTakeOptions } from './types.ts'

/** The longest reason of a block: it is stored in the subject's state. */
const LONGEST_REASON = 256

type Controls = Pick<RateLimiter, 'refund' | 'penalty' | 'set' | 'block' | 'unblock' | 'reset'>

export interface ControlsContext extends ChargeContext {
  readonly declaration: Declaration
  /** The plan of the limiter's own rules. */
  readonly ownPlan: Plan
  readonly planOf: PlanOf
  /** Called when a subject may have got tokens or slots back. */
  readonly onTokensBack: (subject: LimiterSubject) => void
}

/** Creates the methods that change a subject's state without a decision. */
export function createControls(context: ControlsContext): Controls {
  const { name, keys, locate, routeBy, bind, registry, declaration, ownPlan, planOf, onTokensBack } = context
  const blockPort = bind(limiterBlock, [])
  const unblockPort = bind(limiterUnblock, [])
  const resetPort = bind(limiterReset, [])
  const parts = [...new Set(ownPlan.rules.map((rule) => rule.per))]

  async function adjust(
    subject: LimiterSubject,
    rules: LimiterTakeOptions['rules'],
    change: (charge: Charge, subject: LimiterSubject) => Promise<readonly LimiterRuleState[]>,
  ): Promise<readonly LimiterRuleState[]> {
    const plan = rules === undefined ? ownPlan : planOf(rules)
    const checked = checkSubject(subject, plan.parts)
    if (declaration.due) await declaration.check()
    const states = await together(plan.charges.map((charge) => change(charge, checked)))
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

  /** The key of a block of a subject, or of a part of it. */
  function blockOf(subject: LimiterSubject, per: string | undefined): { route: Route; key: string } {
    checkPart(per)
    const { route, keyName } = placeOf(subject, per)
    return { route, key: keys.limit(route, partName(name, per), keyName) }
  }

  return {
    async refund(subject, given) {
      const { cost, rules } = costOf('refund', given)
      return adjust(subject, rules, (charge, checked) => charge.add(checked, -cost)).finally(() =>
        onTokensBack(subject),
      )
    },
    async penalty(subject, given) {
      const { cost, rules } = costOf('penalty', given)
      return adjust(subject, rules, (charge, checked) => charge.add(checked, cost)).finally(() =>
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
    async block(subject, blocking) {
      checkOptions('block', blocking, ['duration', 'reason', 'per'])
      const us = Math.ceil(durationMs('duration', blocking.duration) * 1000)
      const reason = checkText('reason', blocking.reason, LONGEST_REASON)
      const { route, key } = blockOf(subject, blocking.per)
      await blockPort(route, key, us, reason)
      // The new block may be shorter than the previous one.
      onTokensBack(subject)
    },
    async unblock(subject, given = {}) {
      checkOptions('unblock', given, ['per'])
      const { route, key } = blockOf(subject, given.per)
      const was = await unblockPort(route, key, 0, '')
      onTokensBack(subject)
      return was === 1
    },
    async reset(subject, given = {}) {
      checkOptions('reset', given, ['rules', 'per'])
      if (given.per !== undefined) checkPart(given.per)
      const wanted = given.per === undefined ? partsOf(subject) : [given.per]
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
          (key) => [key, place.route] as const,
        )
      })
      const deleted = await together([...new Map(found)].map(([key, route]) => resetPort(route, key)))
      onTokensBack(subject)
      return deleted.some((count) => count === 1)
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
