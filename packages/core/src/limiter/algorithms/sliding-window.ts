import { invalid } from '../../errors.ts'
import { type KnownRule, limitOf, microseconds, msUp, type RuleHead, stateId } from '../rule.ts'
import type { SlidingWindowRule } from '../rule-types.ts'

/** Both counts of the state share one number, which bounds the limit. */
const LARGEST_LIMIT = 30_000_000

/** limit * window in ticks stays below this, so that twice the product is exact. */
const LARGEST_PRODUCT = 2 ** 51

export function slidingWindow(head: RuleHead, rule: SlidingWindowRule): KnownRule {
  const limit = limitOf(rule, LARGEST_LIMIT)
  const windowUs = microseconds('window', rule, rule.window)
  const tick = tickOf(limit, windowUs, head.name, rule)
  const ticks = windowUs / tick

  /** The weighted use, in tokens times ticks, from the previous count, the current count and the age of the window. */
  const weight = (before: number, used: number, ageUs: number): number =>
    before * (ticks - Math.floor(ageUs / tick)) + used * ticks

  /** Microseconds until `cost` tokens fit. */
  function waitUs(before: number, used: number, ageUs: number, cost: number): number {
    const room = limit - used - cost
    if (room >= 0) {
      if (weight(before, used + cost, ageUs) <= limit * ticks) return 0
      return (ticks - Math.floor((room * ticks) / before)) * tick - ageUs
    }
    // The cost fits in the next window at the earliest, where the weight of this window's count falls.
    const fits = Math.min(ticks, Math.floor(((limit - cost) * ticks) / used))
    return windowUs - ageUs + (ticks - fits) * tick
  }

  return {
    ...head,
    algorithm: 'sliding-window',
    limit,
    windowMs: windowUs / 1000,
    burst: limit,
    letter: 'w',
    id: stateId('w', head.name),
    most: limit,
    parameters: () => [limit, windowUs, tick],
    stateSize: 3,
    amounts(numbers, at) {
      const [before, used, ageUs] = [numbers[at], numbers[at + 1], numbers[at + 2]] as [
        number,
        number,
        number,
      ]
      const left = limit * ticks - weight(before, used, ageUs)
      const remaining = Math.max(0, Math.floor(left / ticks))
      const resetUs = used > 0 ? 2 * windowUs - ageUs : before > 0 ? windowUs - ageUs : 0
      const nextMs = remaining === limit ? 0 : msUp(waitUs(before, used, ageUs, remaining + 1))
      return { remaining, nextMs, resetMs: msUp(resetUs) }
    },
    waitMs(numbers, at, cost) {
      return msUp(waitUs(numbers[at] as number, numbers[at + 1] as number, numbers[at + 2] as number, cost))
    },
  }
}

/** The finest unit of time in which the window is a whole number and counting exact. */
function tickOf(limit: number, windowUs: number, name: string, { window }: SlidingWindowRule): number {
  const found = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000].find(
    (tick) => windowUs % tick === 0 && limit * (windowUs / tick) <= LARGEST_PRODUCT,
  )
  if (found !== undefined) return found
  const fix = 'give a whole number of seconds, or use GCRA, so that counting stays exact'
  throw invalid(`window of rule '${name}'`, window, fix)
}
