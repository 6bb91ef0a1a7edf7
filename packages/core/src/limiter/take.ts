import { checkOptions, wholeNumber } from '../options.ts'
import { Call, type CallContext } from './call.ts'
import type { Taken } from './correction.ts'
import type { LimiterDecision } from './decision-types.ts'
import type { Denied } from './deny-cache.ts'
import type { Plan, PlanOf } from './plan.ts'
import { checkSubject, subjectText } from './subjects.ts'
import type { LimiterSubject, LimiterTakeOptions } from './types.ts'

/** What a limiter decides with. */
export interface TakeContext extends CallContext {
  /** The plan of the limiter's own rules. */
  readonly ownPlan: Plan
  readonly planOf: PlanOf
}

export interface Takes {
  take(subject: LimiterSubject, options?: LimiterTakeOptions): Promise<LimiterDecision>
  /** As `take`, with what corrects the charge later. */
  takeCorrectable(subject: LimiterSubject, options: LimiterTakeOptions): Promise<Taken>
}

/**
 * The way of every decision: check the arguments, ask the deny cache, send the charge, read the reply, let the policy decide
 * when Redis did not, and tell listeners.
 */
export function createTakes(context: TakeContext): Takes {
  const { ownPlan, planOf, cache, onDecision } = context

  /** @throws PENKNIFE_INVALID for wrong arguments. */
  function begin(
    given: LimiterSubject,
    options: LimiterTakeOptions | undefined,
    correctable: boolean,
  ): Call | Denied {
    let [plan, cost] = [ownPlan, 1]
    if (options !== undefined) {
      checkOptions('take', options, OPTIONS)
      if (options.rules !== undefined) plan = planOf(options.rules)
      if (options.cost !== undefined) cost = wholeNumber('cost', options.cost, 0, plan.most)
    }
    const isText = plan.parts[0] === undefined
    const subject = isText ? given : checkSubject(given, plan.parts)
    const text = isText ? (given as string) : subjectText(subject)
    const denied = cache?.denied(text, plan.text, cost)
    if (denied !== undefined) {
      onDecision(given, denied.decision)
      return denied
    }
    // A text that the cache knows was checked before: a subject under attack costs no more than the look-up.
    if (isText) checkSubject(given, plan.parts)
    return new Call(context, plan, given, subject, text, cost, correctable)
  }

  return {
    take(subject, options) {
      let call: Call | Denied
      try {
        call = begin(subject, options, false)
      } catch (error) {
        return Promise.reject(error)
      }
      if (!(call instanceof Call)) return call.answer
      const asked = call
      return new Promise((resolve, reject) => asked.send(resolve, reject))
    },
    async takeCorrectable(subject, options) {
      const call = begin(subject, options, true)
      if (!(call instanceof Call)) return { decision: call.decision }
      return new Promise((resolve, reject) =>
        call.send((decision, correct) => resolve({ decision, correct }), reject),
      )
    },
  }
}

const OPTIONS = ['cost', 'rules'] as const
