import type { Keys } from '../redis/keys.ts'
import { limiterRegister, limiterRegistered } from '../redis/scripts.gen.ts'
import type { Slots } from './algorithms/concurrency.ts'
import type { PlanContext } from './plan.ts'
import type { KnownRule } from './rule.ts'
import type { Place } from './subjects.ts'

/** A rule that keeps a key of its own for each subject: its charges, or its leases. */
export type ApartRule = Pick<KnownRule, 'letter' | 'per' | 'name'>

/**
 * The rules of a limiter that keep keys of their own, known to all its processes: a reset must find the keys of rules that
 * only other processes use.
 */
export interface Apart {
  /**
   * Resolves once Redis knows the rules, or could not be told; undefined when it knows them. Never rejects: a charge
   * counts although a reset may not find it, and the next charge tries again.
   */
  register(rules: readonly KnownRule[]): Promise<unknown> | undefined
  /** The rules of all processes. One script call. */
  all(): Promise<readonly ApartRule[]>
}

/** A rule stays known for as long as its keys may live after a charge, and for this time. */
const MARGIN_MS = 600_000
/** How often a process that charges a rule registers it again, in case Redis lost it. */
const AGAIN_MS = 60_000
/** What rules of calls with names of their own may make a process remember. */
const MOST_NAMES = 1000

/** A rule that this process registered, or is registering. */
interface Known {
  readonly againAt: number
  /** Resolves once Redis knows the rule; undefined when it does. */
  readonly registering: Promise<unknown> | undefined
}

export function createApart({ name, keys, bind }: Omit<PlanContext, 'apart'>): Apart {
  const registerPort = bind(limiterRegister, [])
  const registeredPort = bind(limiterRegistered, [])
  const key = keys.limitRules(name)
  const known = new Map<string, Known>()

  function registerOne(rule: KnownRule): Promise<unknown> | undefined {
    const text = textOf(rule)
    const now = performance.now()
    const found = known.get(text)
    if (found && found.againAt > now) return found.registering
    if (known.size >= MOST_NAMES) known.clear()
    const againAt = now + AGAIN_MS
    const lastsUs = Math.ceil((lastsMs(rule) + MARGIN_MS) * 1000)
    const registering = registerPort(keys.route, key, text, lastsUs).then(
      () => known.set(text, { againAt, registering: undefined }),
      () => known.delete(text),
    )
    known.set(text, { againAt, registering })
    return registering
  }

  return {
    register(rules) {
      const registering = rules.filter(isApart).flatMap((rule) => registerOne(rule) ?? [])
      return registering.length === 0 ? undefined : Promise.all(registering)
    },
    async all() {
      const texts = (await registeredPort(keys.route, key)) as readonly string[]
      return texts.flatMap((text) => parse(text) ?? [])
    },
  }
}

export function isApart({ letter }: Pick<KnownRule, 'letter'>): boolean {
  return letter === 'l' || letter === 's'
}

/** The key of a rule's own for a subject; `owner` is the limiter, or a part of one. */
export function apartKey(keys: Keys, owner: string, { letter, name }: ApartRule, place: Place): string {
  const keyIn = letter === 'l' ? keys.limitLog : keys.limitSlots
  return keyIn(place.route, `${owner}/${name}`, place.who)
}

function lastsMs(rule: KnownRule): number {
  return rule.letter === 's' ? (rule as Slots).leaseUs / 1000 : (rule.windowMs ?? 0)
}

function textOf({ letter, per = '', name }: ApartRule): string {
  return `${letter}/${per}/${name}`
}

function parse(text: string): ApartRule | undefined {
  const [, letter, per, name] = /^([ls])\/([\w.-]*)\/([\w.-]+)$/.exec(text) ?? []
  if (letter === undefined || name === undefined) return undefined
  return { letter: letter as 'l' | 's', per: per === '' ? undefined : per, name }
}
