import { durationMs } from '../duration.ts'
import { PenknifeError } from '../errors.ts'
import { wholeNumber } from '../options.ts'
import type { Taken } from './correction.ts'
import { LARGEST_COST } from './plan.ts'
import type { LimiterReservation, LimiterReserveOptions, LimiterTakeOptions } from './types.ts'

/**
 * Takes an estimated cost, which may be settled once before it expires, by the clock of this process from before the call.
 * `onTokensBack` is called after tokens or slots were given back.
 */
export async function reserve(
  take: (taking: LimiterTakeOptions) => Promise<Taken>,
  { expires, ...taking }: LimiterReserveOptions,
  onTokensBack: () => void,
): Promise<LimiterReservation> {
  wholeNumber('cost', taking.cost, 0, LARGEST_COST)
  const until = performance.now() + durationMs('expires', expires)
  const { decision, correct } = await take(taking)
  // A call that a policy allowed was charged nowhere.
  let open = correct !== undefined

  async function settle(actual: number): Promise<boolean> {
    wholeNumber('actual', actual, 0, LARGEST_COST)
    if (!open || performance.now() >= until) return false
    open = false
    try {
      if (actual !== taking.cost) await correct?.(actual - taking.cost)
      return true
    } catch (error) {
      // A settlement that was certainly not carried out may be repeated.
      open = error instanceof PenknifeError && error.fate === 'not-done'
      throw error
    } finally {
      if (actual < taking.cost) onTokensBack()
      if (!open) await decision.lease?.release().catch(() => {})
    }
  }
  return { decision, commit: settle, cancel: () => settle(0) }
}
