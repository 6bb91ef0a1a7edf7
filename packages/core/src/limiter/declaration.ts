import { invalid, isOutage, type PenknifeError } from '../errors.ts'
import { isReply } from '../redis/failures.ts'
import type { Keys } from '../redis/keys.ts'
import { limiterDeclare } from '../redis/scripts.gen.ts'
import { cut } from '../text.ts'
import type { Calendar } from './algorithms/calendar.ts'
import type { LimiterContext } from './context.ts'
import type { KnownRule } from './rule.ts'

/** Declares a limiter's rules in Redis, for all its processes. */
export interface Declaration {
  /** Whether `check` has anything to do. */
  readonly due: boolean
  /** Whether a charge must wait for `check`. Otherwise `check` is called after the charge was sent. */
  readonly awaited: boolean
  /** Resolves when the rules are accepted, and rejects when they are refused or Redis does not answer. Undefined when no charge waits. */
  check(): Promise<void> | undefined
}

/** How often a process with calendar rules declares them again. */
const AGAIN_MS = 60_000
/** A calendar stays declared for this time longer than a count may exist. */
const MARGIN_MS = 600_000
const LONGEST_PERIOD_MS = 31 * 86_400_000 + 3_600_000
/** How long the text of a declaration stays stored after a process started. */
const TEXT_MS = 90 * 86_400_000
/** The most that is quoted of a stored declaration, because another program may have written it. */
const LONGEST = 1000

/** How long after a failure the rules are declared again, where no call waits for that. */
const RETRY_MS = 1000

export interface DeclarationContext {
  /** Binds with the deadline of the limiter. */
  readonly bind: LimiterContext['bind']
  /** The same with the circuit breaker, for declarations that charges wait for. */
  readonly bindBreaking: LimiterContext['bind']
  readonly keys: Keys
  readonly name: string
  /** Names the limiter in errors. */
  readonly title: string
  readonly rules: readonly KnownRule[]
  /** The declaration as readable text. */
  readonly text: string
  /** Called with the declaration of another version. */
  readonly onChange: (before: string) => void
}

/**
 * Declares a limiter's rules in Redis at their first use. A deploy may change rules, so a different earlier declaration is only
 * reported. Charges of calendar rules wait for the reply. They are refused where another process uses another calendar under
 * the same rule name, because each process would read the other's count as that of its own period.
 *
 * One script call for each process; with calendar rules one each minute.
 */
export function createDeclaration(context: DeclarationContext): Declaration {
  const { bind, bindBreaking, keys, name, title, rules, text, onChange } = context
  const calendars = rules.filter((rule): rule is Calendar => rule.letter === 'c')
  const strict = calendars.length > 0
  const port = (strict ? bindBreaking : bind)(limiterDeclare, [])
  const lines = calendars.map((rule) => `${ruleKey(rule)} ${rule.period}`).join('\n')
  const lastsUs = (LONGEST_PERIOD_MS + MARGIN_MS) * 1000
  let textSent = false
  let againAt = -Infinity
  /** The declaration under way. Calls wait for it until the first acceptance, and again after a refusal. */
  let declaring: Promise<void> | undefined
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
    const first = !textSent
    textSent = true
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
      // A key of another program, or a missing permission, must not stop the limiter.
      if (!isOutage(error)) return
      if (first) textSent = false
      if (accepted || !strict) return
      againAt = -Infinity
      // If Redis is away, the charge need not wait for it a second time.
      if (isReply((error as PenknifeError).cause)) return
      throw error
    }
    const [ok, ...more] = reply
    accepted = ok === 1
    if (!accepted) {
      if (first) textSent = false
      const [key, other] = more
      const rule = calendars.find((each) => ruleKey(each) === key)
      if (rule && typeof other === 'string') throw refusal(rule, other)
      // Not a reply of the script, and no reason to refuse the charge: the next charge declares again.
      againAt = -Infinity
      return
    }
    if (typeof more[0] === 'string') onChange(more[0])
  }

  return {
    get due() {
      return strict || !textSent
    },
    get awaited() {
      return strict && !accepted
    },
    check() {
      const now = performance.now()
      if (now >= againAt) {
        againAt = now + (strict ? AGAIN_MS : RETRY_MS)
        declaring = declare()
        declaring.catch(() => {})
      }
      return strict && !accepted ? declaring : undefined
    },
  }
}

/** Identifies a rule's states: rules with the same name over different parts of a subject have different states. */
function ruleKey({ per = '', name }: KnownRule): string {
  return `${per}/${name}`
}
