import { checkOptions, isName } from '../options.ts'
import { readReply } from '../redis/failures.ts'
import type { Route } from '../redis/keys.ts'
import { limiterReset } from '../redis/scripts.gen.ts'
import { together } from './correction.ts'
import { blockOf } from './decision.ts'
import type { LimiterContext } from './context.ts'
import type { Fallback } from './fallback.ts'
import { readBlock } from './outcome.ts'
import type { Plan, PlanOf } from './plan.ts'
import type { LimiterResetBlock } from './reset-types.ts'
import { stateId } from './rule.ts'
import type { RuleRegistry } from './rule-registry.ts'
import { hasOwnKey, ownKey, type OwnKeyRule, partName } from './subject-keys.ts'
import { checkSubject, isSubject, type Place } from './subjects.ts'
import type { LimiterSubject, RateLimiter } from './types.ts'

export interface ResetContext extends LimiterContext {
  readonly registry: RuleRegistry
  /** What this process does instead of Redis, under the local policy. */
  readonly local: Fallback['local']
  readonly ownPlan: Plan
  readonly planOf: PlanOf
  /** The parts of a subject that the limiter's own rules count. */
  readonly parts: readonly (string | undefined)[]
  /** Refuses a part that no rule of the limiter has. */
  readonly checkPart: (per: string | undefined) => void
  /** Removes an ended block from the list of blocks without an end. */
  readonly unlist: (subject: LimiterSubject, per: string | undefined, ended: number) => Promise<void>
  readonly onTokensBack: (subject: LimiterSubject) => void
}

/** A key of a subject. */
interface Target {
  readonly route: Route
  readonly key: string
  readonly part: string | undefined
  /** The rule whose own key it is; undefined for a state. */
  readonly rule?: OwnKeyRule
}

/** A decoded reply of lua/limiter/reset.lua. */
interface Deleted {
  readonly target: Target
  readonly block: LimiterResetBlock | undefined
  readonly listing: number
  readonly leases: number
  readonly ids: readonly string[]
}

const KINDS = { l: 'log', s: 'slots' } as const

/** Creates the method that deletes everything about a subject. */
export function createReset(context: ResetContext): RateLimiter['reset'] {
  const { name, keys, locate, routeBy, bind, registry, ownPlan, planOf } = context
  const { parts, checkPart, unlist, onTokensBack, local } = context
  const port = bind(limiterReset, [])

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

  function targetsOf(
    subject: LimiterSubject,
    part: string | undefined,
    rules: readonly OwnKeyRule[],
  ): Target[] {
    const place = placeOf(subject, part)
    const { route, keyName } = place
    const own = rules
      .filter((rule) => hasOwnKey(rule) && rule.per === part)
      .map((rule) => ({ route, part, rule, key: ownKey(keys, partName(name, part), rule, place) }))
    return [{ route, part, key: keys.limit(route, partName(name, part), keyName) }, ...own]
  }

  async function remove(target: Target): Promise<Deleted | undefined> {
    const { route, key, part, rule } = target
    const reply = await port(route, key, rule ? KINDS[rule.letter as 'l' | 's'] : 'state')
    if (reply === null) return undefined
    return readReply(limiterReset.name, () => {
      const [endsInUs, listing, leases, reason, ids] = reply
      const block = endsInUs === 0 ? undefined : { ...blockOf(readBlock(endsInUs, reason)), per: part }
      return {
        target,
        block,
        listing: Number(listing),
        leases: Number(leases),
        ids: String(ids).split(' '),
      }
    })
  }

  return async (subject, given = {}) => {
    checkOptions('reset', given, ['rules', 'per'])
    if (given.per !== undefined) checkPart(given.per)
    const wanted = given.per === undefined ? partsOf(subject) : [given.per]
    for (const part of wanted) local?.blocks.remove(part, placeOf(subject, part).keyName)
    const known: readonly OwnKeyRule[] = [
      ...(given.rules ? planOf(given.rules).rules : []),
      ...ownPlan.rules,
      ...(await registry.all()),
    ]
    const targets = wanted.flatMap((part) => targetsOf(subject, part, known))
    const unique = [...new Map(targets.map((target) => [target.key, target])).values()]
    const deleted = (await together(unique.map(remove))).filter((each) => each !== undefined)
    onTokensBack(subject)
    await together(deleted.map(({ target, listing }) => unlist(subject, target.part, listing)))
    const stored = (rule: OwnKeyRule): boolean => deleted.some((each) => isOf(rule, each))
    return {
      found: deleted.length > 0,
      rules: [...new Set(known.filter(stored).map((rule) => rule.name))],
      blocks: deleted.flatMap(({ block }) => block ?? []),
      leases: deleted.reduce((sum, { leases }) => sum + leases, 0),
    }
  }
}

/** Whether data of a rule were in a deleted key. */
function isOf(rule: OwnKeyRule, { target, ids }: Deleted): boolean {
  if (rule.per !== target.part) return false
  if (hasOwnKey(rule)) return target.rule?.letter === rule.letter && target.rule.name === rule.name
  return target.rule === undefined && ids.includes(String(stateId(rule.letter, rule.name)))
}
