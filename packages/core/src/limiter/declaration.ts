import { invalid, isOutage, type PenknifeError } from '../errors.ts'
import { isReply } from '../redis/failures.ts'
import type { Keys } from '../redis/keys.ts'
import { limiterDeclare } from '../redis/scripts.gen.ts'
import { cut } from '../text.ts'
import type { Calendar } from './algorithms/calendar.ts'
import type { LimiterContext } from './context.ts'
import type { KnownRule } from './rule.ts'

/** Declares a limiter's rules to all its processes. */
export interface Declaration {
  /** Whether `check` has anything to do. */
  readonly due: boolean
  /** Whether a charge waits for `check`; else it is called after the charge was sent. */
  readonly awaited: boolean
  /** A promise that rejects when the rules are refused, or when Redis does not answer; undefined when no charge waits. */
  check(): Promise<void> | undefined
}

/** How often a process with calendar rules declares them again. */
const AGAIN_MS = 60_000
/** A calendar stays declared for so much longer than a count may live. */
const MARGIN_MS = 600_000
const LONGEST_PERIOD_MS = 31 * 86_400_000 + 3_600_000
/** What was declared is remembered for so long after a process started. */
const TEXT_MS = 90 * 86_400_000
/** What is reported of a declaration that something else may have written. */
const LONGEST = 1000

/** How long after a failure another call declares the rules, where no call waits for that. */
const RETRY_MS = 1000

export interface DeclarationContext {
  /** Binds with the deadline of the limiter. */
  readonly bind: LimiterContext['bind']
  /** The same with the circuit breaker, for calls that others wait for. */
  readonly bindBreaking: LimiterContext['bind']
  readonly keys: Keys
  readonly name: string
  /** Names the limiter in errors. */
  readonly title: string
  readonly rules: readonly KnownRule[]
  /** As people read it. */
  readonly text: string
  /** Called with the declaration of another version. */
  readonly onChange: (before: string) => void
}

/**
 * Declares a limiter's rules in Redis when they are used first. What another version declared before is reported, since a
 * deploy may change it. Rules that count by a calendar wait for the answer, and are refused where another process counts by
 * another calendar under their name: each would take the other's count for one of its own period.
 *
 * One script call a process, with calendar rules one each minute.
 */
export function createDeclaration(context: DeclarationContext): Declaration {
  const { bind, bindBreaking, keys, name, title, rules, text, onChange } = context
  const calendars = rules.filter((rule): rule is Calendar => rule.letter === 'c')
  const strict = calendars.length > 0
  const port = (strict ? bindBreaking : bind)(limiterDeclare, [])
  const lines = calendars.map((rule) => `${ruleKey(rule)} ${rule.period}`).join('\n')
  const lastsUs = (LONGEST_PERIOD_MS + MARGIN_MS) * 1000
  let said = false
  let againAt = -Infinity
  /** Until the first answer, and again after a refusal, calls wait for this. */
  let asking: Promise<void> | undefined
  let accepted = false

  function refusal({ name: ruleName, period }: Calendar, other: string): PenknifeError {
    return invalid(
      `calendar of rule '${ruleName}' of ${title}`,
      period,
      `other processes count by '${cut(other, LONGEST)}' under this name, and each would read the other's count wrongly; ` +
        'give the rule another name: it then counts anew',
    )
  }

  async function declare(): Promise<void> {
    const first = !said
    said = true
    let reply: readonly unknown[]
    try {
      reply = await port(
        keys.route,
        keys.limitDeclared(name),
        lines,
        lastsUs,
        first ? text : '',
        TEXT_MS * 1000,
      )
    } catch (error) {
      // A key that something else wrote, or a right that is missing, stops nothing.
      if (!isOutage(error)) return
      if (first) said = false
      if (accepted || !strict) return
      againAt = -Infinity
      // Where Redis is away, the charge need not wait for it once more.
      if (isReply((error as PenknifeError).cause)) return
      throw error
    }
    const [ok, ...more] = reply
    accepted = ok === 1
    if (!accepted) {
      if (first) said = false
      const [key, other] = more
      const rule = calendars.find((each) => ruleKey(each) === key)
      if (rule && typeof other === 'string') throw refusal(rule, other)
      // Nothing that the script replies, and no reason to refuse what is charged: the next charge asks again.
      againAt = -Infinity
      return
    }
    if (typeof more[0] === 'string') onChange(more[0])
  }

  return {
    get due() {
      return strict || !said
    },
    get awaited() {
      return strict && !accepted
    },
    check() {
      const now = performance.now()
      if (now >= againAt) {
        againAt = now + (strict ? AGAIN_MS : RETRY_MS)
        asking = declare()
        asking.catch(() => {})
      }
      return strict && !accepted ? asking : undefined
    },
  }
}

/** Names a rule's states: rules of one name over different parts of a subject have different ones. */
function ruleKey({ per = '', name }: KnownRule): string {
  return `${per}/${name}`
}
