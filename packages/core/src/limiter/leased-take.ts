import { checkOptions, wholeNumber } from '../options.ts'
import type { OnDecision } from './context.ts'
import type { LimiterDecision } from './decision-types.ts'
import type { DenyCache } from './deny-cache.ts'
import type { Plan } from './plan.ts'
import { checkSubject, subjectText } from './subjects.ts'
import type { Takes } from './take.ts'
import type { TokenLeases } from './token-leases.ts'
import type { LimiterSubject, LimiterTakeOptions, RateLimiter } from './types.ts'

export interface LeasedTakeContext {
  readonly ownPlan: Plan
  readonly cache: DenyCache | undefined
  readonly leases: TokenLeases | undefined
  readonly take: Takes['take']
  readonly onDecision: OnDecision
}

const OPTIONS = ['cost', 'rules'] as const

/** `take` that uses leased tokens first, and `takeNow`, which never asks Redis. */
export function createLeasedTake(context: LeasedTakeContext): Pick<RateLimiter, 'take' | 'takeNow'> {
  const { ownPlan, cache, leases, take, onDecision } = context
  const isText = ownPlan.parts[0] === undefined

  function costOf(options: LimiterTakeOptions | undefined): number {
    if (options === undefined) return 1
    checkOptions('take', options, OPTIONS)
    return options.cost === undefined ? 1 : wholeNumber('cost', options.cost, 0, ownPlan.most)
  }

  /** A text that has leased tokens was checked before. */
  function checkedText(subject: LimiterSubject): string {
    return subjectText(checkSubject(subject, ownPlan.parts))
  }

  function leased(subject: LimiterSubject, text: string, cost: number): LimiterDecision | undefined {
    // A call that only reads asks Redis.
    const decision = cost === 0 ? undefined : leases?.now(text, cost)
    if (decision !== undefined) onDecision(subject, decision, text)
    return decision
  }

  function takeLeased(
    held: TokenLeases,
    subject: LimiterSubject,
    options: LimiterTakeOptions | undefined,
  ): Promise<LimiterDecision> {
    const cost = costOf(options)
    const text = isText ? (subject as string) : checkedText(subject)
    const decision = leased(subject, text, cost)
    if (decision !== undefined) return Promise.resolve(decision)
    const denied = cache?.denied(text, ownPlan.text, cost)
    if (denied !== undefined) {
      onDecision(subject, denied.decision, text)
      return denied.answer
    }
    if (isText) checkSubject(subject, ownPlan.parts)
    return held.take(subject, text, cost)
  }

  return {
    take:
      leases === undefined
        ? take
        : (subject, options) => {
            if (options?.rules !== undefined) return take(subject, options)
            try {
              return takeLeased(leases, subject, options)
            } catch (error) {
              return Promise.reject(error)
            }
          },
    takeNow(subject, options) {
      if (options !== undefined) checkOptions('takeNow', options, ['cost'])
      const cost = options === undefined ? 1 : costOf(options)
      const text = isText ? (subject as string) : checkedText(subject)
      const decision = leased(subject, text, cost)
      if (decision !== undefined) return decision
      if (isText) checkSubject(subject, ownPlan.parts)
      const denied = cache?.denied(text, ownPlan.text, cost)?.decision
      if (denied !== undefined) onDecision(subject, denied, text)
      return denied
    },
  }
}
