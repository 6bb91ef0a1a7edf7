import { durationMs } from '../duration.ts'
import { invalid } from '../errors.ts'
import { checkOptions, checkText, isName, wholeNumber } from '../options.ts'
import type { Route } from '../redis/keys.ts'
import { limiterBlock, limiterReset, limiterUnblock } from '../redis/scripts.gen.ts'
import { apartKey, isApart } from './apart.ts'
import type { Declaration } from './declaration.ts'
import { partName, type Plan, type PlanContext } from './plan.ts'
import { isSubject, subjectText } from './subjects.ts'
import { add, together } from './taken.ts'
import type { RateLimiter, Rule, RuleState, Subject, TakeOptions } from './types.ts'

/** The longest reason of a block: it stands in the subject's state. */
const LONGEST_REASON = 256

/** More than any rule allows: what is charged beyond a rule's burst is bounded by the rule. */
export const LARGEST_COST = 1_000_000_000

type Controls = Pick<RateLimiter, 'refund' | 'penalty' | 'block' | 'unblock' | 'reset'>

export interface ControlsContext extends PlanContext {
  readonly declaration: Declaration
  readonly standing: Plan
  readonly planOf: (rules: readonly Rule[]) => Plan
  /** Told when what a subject was told last is not so any more, were it only perhaps. */
  readonly onEased: (subject: Subject) => void
}

/** What is done with a subject besides asking. */
export function createControls(context: ControlsContext): Controls {
  const { name, keys, locate, bind, apart, declaration, standing, planOf, onEased } = context
  const blockPort = bind(limiterBlock, [])
  const unblockPort = bind(limiterUnblock, [])
  const resetPort = bind(limiterReset, [])
  const parts = [...new Set(standing.rules.map((rule) => rule.per))]

  async function adjust(
    what: string,
    subject: Subject,
    given: TakeOptions = {},
    sign: 1 | -1,
  ): Promise<readonly RuleState[]> {
    checkOptions(what, given, ['cost', 'rules'])
    const { cost = 1, rules } = given
    wholeNumber('cost', cost, 0, LARGEST_COST)
    const plan = rules === undefined ? standing : planOf(rules)
    subjectText(subject, plan.parts)
    if (declaration.due) await declaration.check()
    const states = await together(plan.charges.map((charge) => add(charge, subject, sign * cost)))
    const order = plan.rules.map((rule) => rule.name)
    return states.flat().toSorted((a, b) => order.indexOf(a.name) - order.indexOf(b.name))
  }

  /** The part of its subjects that a caller means. */
  function checkPart(per: string | undefined): void {
    if (parts.includes(per)) return
    throw invalid('per', per, parts[0] === undefined ? 'leave it out' : `give one of ${parts.join(', ')}`)
  }

  /** The parts that this limiter's rules are of, and all that the subject has: rules of other processes may be of those. */
  function partsOf(subject: Subject): readonly (string | undefined)[] {
    if (typeof subject !== 'object' || subject === null || parts[0] === undefined) return parts
    const others = Object.entries(subject).filter(([part, value]) => isName(part, 32) && isSubject(value))
    return [...new Set([...parts, ...others.map(([part]) => part)])]
  }

  /** Where a block of a subject, or of the part of it that is meant, stands. */
  function stateOf(subject: Subject, per: string | undefined): { route: Route; key: string } {
    checkPart(per)
    const { route, who } = locate(subject, per)
    return { route, key: keys.limit(route, partName(name, per), who) }
  }

  return {
    async refund(subject, given) {
      return adjust('refund', subject, given, -1).finally(() => onEased(subject))
    },
    async penalty(subject, given) {
      return adjust('penalty', subject, given, 1).finally(() => onEased(subject))
    },
    async block(subject, blocking) {
      checkOptions('block', blocking, ['duration', 'reason', 'per'])
      const us = Math.ceil(durationMs('duration', blocking.duration) * 1000)
      const reason = checkText('reason', blocking.reason, LONGEST_REASON)
      const { route, key } = stateOf(subject, blocking.per)
      await blockPort(route, key, us, reason)
      // It may be shorter than the one before.
      onEased(subject)
    },
    async unblock(subject, given = {}) {
      checkOptions('unblock', given, ['per'])
      const { route, key } = stateOf(subject, given.per)
      const was = await unblockPort(route, key, 0, '')
      onEased(subject)
      return was === 1
    },
    async reset(subject, given = {}) {
      checkOptions('reset', given, ['rules', 'per'])
      if (given.per !== undefined) checkPart(given.per)
      const wanted = given.per === undefined ? partsOf(subject) : [given.per]
      const rules = [
        ...(given.rules ? planOf(given.rules).rules : []),
        ...standing.rules,
        ...(await apart.all()),
      ]
      const found = wanted.flatMap((part) => {
        const place = locate(subject, part)
        const own = rules
          .filter((rule) => isApart(rule) && rule.per === part)
          .map((rule) => apartKey(keys, partName(name, part), rule, place))
        return [keys.limit(place.route, partName(name, part), place.who), ...own].map(
          (key) => [key, place.route] as const,
        )
      })
      await together([...new Map(found)].map(([key, route]) => resetPort(route, key)))
      onEased(subject)
    },
  }
}
