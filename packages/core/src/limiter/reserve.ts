import { durationMs } from '../duration.ts'
import { PenknifeError } from '../errors.ts'
import { wholeNumber } from '../options.ts'
import type { Taken } from './correction.ts'
import { LARGEST_COST } from './plan.ts'
import type { LimiterReservation, LimiterReserveOptions, LimiterTakeOptions } from './types.ts'

/**
 * Takes an estimate, to be settled once and in time. Time is that of this process, from before the call was sent.
 * `onEased` is called after tokens or slots were given back.
 */
export async function reserve(
  take: (taking: LimiterTakeOptions) => Promise<Taken>,
  { expires, ...taking }: LimiterReserveOptions,
  onEased: () => void,
): Promise<LimiterReservation> {
  wholeNumber('cost', taking.cost, 0, LARGEST_COST)
  const until = performance.now() + durationMs('expires', expires)
  const { decision, correct } = await take(taking)
  // What a policy allowed was charged nowhere.
  let open = correct !== undefined

  async function settle(actual: number): Promise<boolean> {
    wholeNumber('actual', actual, 0, LARGEST_COST)
    if (!open || performance.now() >= until) return false
    open = false
    try {
      if (actual !== taking.cost) await correct?.(actual - taking.cost)
      return true
    } catch (error) {
      // What was certainly not done may be tried again.
      open = error instanceof PenknifeError && error.fate === 'not-done'
      throw error
    } finally {
      if (actual < taking.cost) onEased()
      if (!open) await decision.lease?.release().catch(() => {})
    }
  }
  return { decision, commit: settle, cancel: () => settle(0) }
}
