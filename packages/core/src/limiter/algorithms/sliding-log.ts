import { type KnownRule, limitOf, microseconds, msUp, type RuleHead, stateId } from '../rule.ts'
import type { SlidingLogRule } from '../types.ts'

/** Every call is remembered: this bounds what a subject takes in Redis, and the work of a call. */
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
    numbers: () => [limit, windowUs],
    // Tokens used, and the microseconds until the wanted ones fit, until one more does, until none is used.
    tells: 4,
    amounts: (told, at) => ({
      remaining: Math.max(0, limit - (told[at] as number)),
      nextMs: msUp(told[at + 2] as number),
      resetMs: msUp(told[at + 3] as number),
    }),
    waitMs: (told, at) => msUp(told[at + 1] as number),
  }
}
