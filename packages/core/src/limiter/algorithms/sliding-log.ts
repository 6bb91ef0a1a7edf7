import { type KnownRule, limitOf, microseconds, msUp, type RuleHead, stateId } from '../rule.ts'
import type { SlidingLogRule } from '../rule-types.ts'

/** Every call is stored, so the limit bounds a subject's memory in Redis and the work of a call. */
const LARGEST_LIMIT = 1000

export function slidingLog(head: RuleHead, rule: SlidingLogRule): KnownRule {
  const limit = limitOf(rule, LARGEST_LIMIT)
  const windowUs = microseconds('window', rule, rule.window)
  return {
    ...head,
    algorithm: 'sliding-log',
    limit,
    windowMs: windowUs / 1000,
    burst: limit,
    letter: 'l',
    id: stateId('l', head.name),
    most: limit,
    parameters: () => [limit, windowUs],
    // The script replies the tokens used, and the microseconds until the cost fits, until one more token fits, and until none is used.
    stateSize: 4,
    amounts: (numbers, at) => ({
      remaining: Math.max(0, limit - (numbers[at] as number)),
      nextMs: msUp(numbers[at + 2] as number),
      resetMs: msUp(numbers[at + 3] as number),
    }),
    waitMs: (numbers, at) => msUp(numbers[at + 1] as number),
  }
}
