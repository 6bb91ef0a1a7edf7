import { checkOptions, wholeNumber } from '../options.ts'
import { Call, type CallContext } from './call.ts'
import type { Taken } from './correction.ts'
import type { LimiterDecision } from './decision-types.ts'
import type { Denied } from './deny-cache.ts'
import type { Plan, PlanOf } from './plan.ts'
import { checkSubject, subjectText } from './subjects.ts'
import type { LimiterSubject, LimiterTakeOptions } from './types.ts'

/** The context of a limiter's decisions. */
export interface TakeContext extends CallContext {
  /** The plan of the limiter's own rules. */
  readonly ownPlan: Plan
  readonly planOf: PlanOf
}

export interface Takes {
  take(subject: LimiterSubject, options?: LimiterTakeOptions): Promise<LimiterDecision>
  /** Like `take`, with the correction of the charge. */
  takeCorrectable(subject: LimiterSubject, options: LimiterTakeOptions, leased?: boolean): Promise<Taken>
}

/**
 * The steps of every decision: check the arguments, look in the deny cache, send the charge, decode the reply, let the policy
 * decide when Redis does not answer, and emit the event.
 */
export function createTakes(context: TakeContext): Takes {
  const { ownPlan, planOf, cache, onDecision } = context

  /** @throws PENKNIFE_INVALID for wrong arguments. */
  function begin(
    given: LimiterSubject,
    options: LimiterTakeOptions | undefined,
    correctable: boolean | 'lease',
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
      onDecision(given, denied.decision, text)
      return denied
    }
    // Cached text was checked before, so a subject under attack costs only the look-up.
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
      const sending = call
      return new Promise((resolve, reject) => sending.send(resolve, reject))
    },
    async takeCorrectable(subject, options, leased = false) {
      const call = begin(subject, options, leased ? 'lease' : true)
      if (!(call instanceof Call)) return { decision: call.decision }
      return new Promise((resolve, reject) =>
        call.send((decision, correct) => resolve({ decision, correct }), reject),
      )
    },
  }
}

const OPTIONS = ['cost', 'rules'] as const
