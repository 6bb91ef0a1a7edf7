import { invalid, isOutage, PenknifeError } from '../errors.ts'
import { isReply } from '../redis/failures.ts'
import type { Keys } from '../redis/keys.ts'
import { limiterDeclare } from '../redis/scripts.gen.ts'
import { cut } from '../text.ts'
import type { Calendar } from './algorithms/calendar.ts'
import type { Slots } from './algorithms/concurrency.ts'
import type { PlanContext } from './plan.ts'
import type { KnownRule } from './rule.ts'

/** How a limiter's rules are declared, known to all its processes. */
export interface Declaration {
  /** Whether `check` has anything to do. */
  readonly due: boolean
  /**
   * To be called before a charge. Undefined when it may be made now; else a promise, and the charge waits for it. That
   * rejects when the rules are refused, or when Redis does not answer.
   */
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
  /** Whose calls have the deadline of the limiter; `breaker` is for those that others wait for. */
  readonly bind: PlanContext['bind']
  readonly bindBreaking: PlanContext['bind']
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
    check() {
      const now = performance.now()
      if (now >= againAt) {
        againAt = now + (strict ? AGAIN_MS : RETRY_MS)
        asking = declare()
        asking.catch(() => {})
      }
      // Where nothing can be refused, no call waits.
      return strict && !accepted ? asking : undefined
    },
  }
}

/** Names a rule's states: rules of one name over different parts of a subject have different ones. */
function ruleKey({ per = '', name }: KnownRule): string {
  return `${per}/${name}`
}

/** Such as `minute: gcra, 100 in 60000 ms; exports: concurrency, 2, lease 30000 ms`. */
export function declarationText(
  rules: readonly KnownRule[],
  { routeBy, hashSubjects }: { readonly routeBy: string | undefined; readonly hashSubjects: boolean },
): string {
  const all = rules.map((rule) => {
    const { name, algorithm, limit, burst, windowMs, per, shadow, letter } = rule
    const span =
      letter === 'c'
        ? ` a ${(rule as Calendar).period}`
        : letter === 's'
          ? `, lease ${(rule as Slots).leaseUs / 1000} ms`
          : ` in ${windowMs} ms`
    const rest = [burst !== limit && `burst ${burst}`, per && `per ${per}`, shadow && 'shadow']
    return [`${name}: ${algorithm}, ${limit}${span}`, ...rest.filter(Boolean)].join(', ')
  })
  const more = [routeBy !== undefined && `routeBy ${routeBy}`, hashSubjects && 'hashSubjects']
  return [...all, ...more.filter(Boolean)].join('; ')
}

/** A promise that must be settled in time; `what` is late otherwise. */
export async function within<Result>(ms: number, what: string, promise: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const text = `${what}: Redis did not answer within ${ms} ms; the call may still be carried out`
    timer = setTimeout(() => reject(new PenknifeError('PENKNIFE_TIMEOUT', text, { fate: 'unknown' })), ms)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
