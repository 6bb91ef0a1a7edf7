import { limiterRegister, limiterRegistered } from '../redis/scripts.gen.ts'
import type { Slots } from './algorithms/concurrency.ts'
import type { LimiterContext } from './context.ts'
import type { KnownRule } from './rule.ts'
import { hasOwnKey, type OwnKeyRule } from './subject-keys.ts'

/**
 * The rules of a limiter that have their own keys, stored for all processes: a reset must find the keys of rules that only other
 * processes use.
 */
export interface RuleRegistry {
  /**
   * Resolves when Redis has stored the rules or did not answer. Undefined when they are stored already. Never rejects: the
   * charge counts even if a reset may not find it, and the next charge tries again.
   */
  register(rules: readonly KnownRule[]): Promise<unknown> | undefined
  /** The rules of all processes. One script call. */
  all(): Promise<readonly OwnKeyRule[]>
}

/** A rule stays stored for as long as its keys may exist after a charge, and this much longer. */
const MARGIN_MS = 600_000
/** How often a process that charges a rule registers it again, in case Redis lost it. */
const AGAIN_MS = 60_000
/** The most rule names that a process keeps, since calls may bring their own rules. */
const MOST_NAMES = 1000

/** A rule that this process registered, or is registering. */
interface Known {
  readonly againAt: number
  /** Resolves when Redis has stored the rule; undefined when it has. */
  readonly registering: Promise<unknown> | undefined
}

export function createRuleRegistry({ name, keys, bind }: LimiterContext): RuleRegistry {
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
      const registering = rules.filter(hasOwnKey).flatMap((rule) => registerOne(rule) ?? [])
      return registering.length === 0 ? undefined : Promise.all(registering)
    },
    async all() {
      const texts = (await registeredPort(keys.route, key)) as readonly string[]
      return texts.flatMap((text) => parse(text) ?? [])
    },
  }
}

function lastsMs(rule: KnownRule): number {
  return rule.letter === 's' ? (rule as Slots).leaseUs / 1000 : (rule.windowMs ?? 0)
}

function textOf({ letter, per = '', name }: OwnKeyRule): string {
  return `${letter}/${per}/${name}`
}

function parse(text: string): OwnKeyRule | undefined {
  const [, letter, per, name] = /^([ls])\/([\w.-]*)\/([\w.-]+)$/.exec(text) ?? []
  if (letter === undefined || name === undefined) return undefined
  return { letter: letter as 'l' | 's', per: per === '' ? undefined : per, name }
}
