import { durationMs } from '../duration.ts'
import { PenknifeError } from '../errors.ts'
import { wholeNumber } from '../options.ts'
import { LARGEST_COST } from './controls.ts'
import type { Decision, RateLimiter, Reservation, ReserveOptions, Subject } from './types.ts'

/** Takes an estimate, to be settled once and in time. Time is that of this process, from before the call was sent. */
export async function reserve(
  limiter: Pick<RateLimiter, 'take' | 'refund' | 'penalty'> & { addLocally(tokens: number): void },
  subject: Subject,
  { expires, ...taking }: ReserveOptions,
): Promise<Reservation> {
  wholeNumber('cost', taking.cost, 0, LARGEST_COST)
  const until = performance.now() + durationMs('expires', expires)
  const decision: Decision = await limiter.take(subject, taking)
  // What was decided by the policy was charged nowhere.
  const locally = decision.decidedBy === 'local'
  let open = decision.allowed && (locally || decision.decidedBy === 'redis')

  async function settle(actual: number): Promise<boolean> {
    wholeNumber('actual', actual, 0, LARGEST_COST)
    if (!open || performance.now() >= until) return false
    open = false
    const rules = taking.rules === undefined ? {} : { rules: taking.rules }
    try {
      if (locally) limiter.addLocally(actual - taking.cost)
      else if (actual < taking.cost) await limiter.refund(subject, { cost: taking.cost - actual, ...rules })
      else if (actual > taking.cost) await limiter.penalty(subject, { cost: actual - taking.cost, ...rules })
      return true
    } catch (error) {
      // What was certainly not done may be tried again.
      open = error instanceof PenknifeError && error.fate === 'not-done'
      throw error
    } finally {
      if (!open) await decision.lease?.release().catch(() => {})
    }
  }
  return { decision, commit: settle, cancel: () => settle(0) }
}
