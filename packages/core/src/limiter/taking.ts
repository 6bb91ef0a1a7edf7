import { invalid } from '../errors.ts'
import { wholeNumber } from '../options.ts'
import { Effect, type EffectTarget, textsOf } from '../record/effect.ts'
import type { Runtime } from '../redis/penknife.ts'
import { rulesText } from './charge-script.ts'
import type { LimiterContext, OnDecision } from './context.ts'
import { decisionOf } from './decision.ts'
import type { Declaration } from './declaration.ts'
import type { LimiterDecision } from './decision-types.ts'
import type { LimiterSettings } from './options.ts'
import { readBlock } from './outcome.ts'
import type { Plan } from './plan.ts'
import type { RuleRegistry } from './rule-registry.ts'
import { createSubjectKeys } from './subject-keys.ts'
import { checkSubject, subjectText } from './subjects.ts'
import type { LimiterSubject, RateLimiter } from './types.ts'

export interface TakingParts extends LimiterContext {
  readonly space: string
  readonly runtime: Runtime
  readonly place: LimiterSettings['place']
  /** The plan of the limiter's own rules. */
  readonly plan: Plan
  readonly registry: RuleRegistry
  readonly declaration: Declaration
  readonly onDecision: OnDecision
}

/** Microseconds of Redis for each rule, see `EffectTarget`. */
const RULE_COST = 16

/** The first number of a text of lua/_lib/record/limiting.lua about a blocked subject. */
const BLOCKED = '2'

/** The effect of a limiter, for `record` and `commit`. */
export function createTaking(parts: TakingParts): RateLimiter['taking'] {
  const { space, name, runtime, place, plan, registry, declaration, onDecision } = parts
  const { rules } = plan
  const keys = createSubjectKeys(parts, rules)
  const size = rules.reduce((sum, rule) => sum + 1 + rule.stateSize, 0)
  const title = `limiter '${name}'`
  let target: EffectTarget | undefined

  /** Made for the first effect, since most limiters have none. */
  function createTarget(keyCount: number): EffectTarget {
    return {
      kind: 'limit',
      title,
      space,
      runtime,
      layout: (nowMs) => ({
        // A script asks for the rights to a key of each target.
        keys: [runtime.keys.limitDeclared(name)],
        plan: [rulesText(rules, keys.numberOf, nowMs, undefined), keyCount],
      }),
      cost: RULE_COST * rules.length,
      gate: () => (declaration.awaited ? declaration.check() : undefined),
      used() {
        if (declaration.due) void declaration.check()?.catch(() => {})
        void registry.register(rules)
      },
      checkSum: (cost) => void wholeNumber('cost of one subject in the call', cost, 1, plan.most),
      // Two subjects may have a part in common, and each would count without the other.
      oneKey: plan.parts[0] !== undefined,
      shapes: new WeakMap(),
    }
  }

  /** The decision in a text of the script. */
  function decisionIn(subject: LimiterSubject, text: string, line: string, cost: number): LimiterDecision {
    const [first, ...rest] = line.split(' ')
    const numbers = rest.map(Number)
    let decision: LimiterDecision
    if (first === BLOCKED) {
      const [us = NaN] = numbers
      decision = decisionOf(rules, readBlock(us, rest.slice(1).join(' ')), cost)
    } else {
      if (numbers.length !== size) throw new Error(`${line} has not ${size} numbers`)
      decision = decisionOf(rules, { kind: 'decided', allowed: first === '1', numbers }, cost)
    }
    onDecision(subject, decision, text)
    return decision
  }

  return (given, cost = 1) => {
    if (place !== 'space') {
      throw invalid(
        'place',
        place,
        `${title} needs place: 'space' to be an effect, because record changes one slot`,
      )
    }
    wholeNumber('cost', cost, 1, plan.most)
    const subject = checkSubject(given, plan.parts)
    const { keys: own } = keys.all(subject)
    target ??= createTarget(own.length)
    return new Effect({
      target,
      key: own[0],
      cost,
      keys: own,
      texts: textsOf(cost),
      read: (line) => decisionIn(given, subjectText(subject), line, cost),
      refusal(line) {
        const { rule, remaining, retryAfterMs, violated, blocked } = decisionIn(
          given,
          subjectText(subject),
          line,
          cost,
        )
        return {
          reason: 'limit',
          rule,
          remaining,
          retryAfterMs,
          violated,
          ...(blocked ? { blocked } : undefined),
        }
      },
    })
  }
}
