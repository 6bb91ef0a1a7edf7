import type { Keys, Route } from '../redis/keys.ts'
import type { LimiterContext } from './context.ts'
import type { KnownRule } from './rule.ts'
import type { Place } from './subjects.ts'
import type { LimiterSubject } from './types.ts'

/** Identifies a rule that has its own key for each subject: a log of charges, or leases. */
export type OwnKeyRule = Pick<KnownRule, 'letter' | 'per' | 'name'>

/** Whether a rule's data grow with its use, so that they are in their own key and not in the subject's state. */
export function hasOwnKey({ letter }: Pick<KnownRule, 'letter'>): boolean {
  return letter === 'l' || letter === 's'
}

/** A rule's own key for a subject; `owner` is the limiter, or a part of one. */
export function ownKey(keys: Keys, owner: string, { letter, name }: OwnKeyRule, place: Place): string {
  const keyIn = letter === 'l' ? keys.limitLog : keys.limitSlots
  return keyIn(place.route, `${owner}/${name}`, place.keyName)
}

/** The name of a limiter, or of one part of its rules, in keys. */
export function partName(limiter: string, part: string | undefined): string {
  return part === undefined ? limiter : `${limiter}/${part}`
}

/** The keys of a subject under the rules of one charge. */
export interface SubjectKeys {
  /** The place of the first state and its key: enough for rules of one part and constant size. */
  firstPlace(subject: LimiterSubject): Place
  firstKey(place: Place): string
  /** All keys, in the order of lua/limiter/charge.lua: states, then the rules' own keys. */
  all(subject: LimiterSubject): { readonly route: Route; readonly keys: readonly string[] }
  /** The number of a rule's key in that order, from 1. */
  numberOf(rule: KnownRule): number
}

/** A key of a charge: a subject's state, or a rule's own. */
interface KeyOf {
  readonly part: string | undefined
  readonly of: (place: Place) => string
  readonly rule?: KnownRule
}

export function createSubjectKeys(
  { keys, name, locate }: LimiterContext,
  rules: readonly KnownRule[],
): SubjectKeys {
  const parts = [...new Set(rules.map(({ per }) => per))]
  const states = parts.map((part): KeyOf => {
    const owner = partName(name, part)
    return { part, of: ({ route, keyName }) => keys.limit(route, owner, keyName) }
  })
  const own = rules.filter(hasOwnKey).map((rule): KeyOf => {
    const owner = partName(name, rule.per)
    return { part: rule.per, rule, of: (place) => ownKey(keys, owner, rule, place) }
  })
  const all = [...states, ...own]
  const [first] = states as [KeyOf]
  return {
    firstPlace: (subject) => locate(subject, first.part),
    firstKey: first.of,
    all(subject) {
      const places = new Map(parts.map((part) => [part, locate(subject, part)]))
      const { route } = places.get(first.part) as Place
      return { route, keys: all.map(({ part, of }) => of(places.get(part) as Place)) }
    },
    numberOf(rule) {
      const at = all.findIndex((each) => each.rule === rule)
      return (at === -1 ? parts.indexOf(rule.per) : at) + 1
    },
  }
}
