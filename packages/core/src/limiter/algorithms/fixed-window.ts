import { type KnownRule, limitOf, microseconds, msUp, type RuleHead, stateId } from '../rule.ts'
import type { FixedWindowRule } from '../types.ts'

export function fixedWindow(head: RuleHead, rule: FixedWindowRule): KnownRule {
  const limit = limitOf(rule)
  const windowUs = microseconds('window', rule, rule.window)
  return {
    ...head,
    algorithm: 'fixed-window',
    limit,
    windowMs: windowUs / 1000,
    burst: limit,
    letter: 'f',
    id: stateId('f', head.name),
    most: limit,
    numbers: () => [limit, windowUs],
    ...countedUntil(limit),
  }
}

/** What the script tells of a count that ends as a whole: tokens used, and the microseconds left. */
export function countedUntil(limit: number): Pick<KnownRule, 'tells' | 'amounts' | 'waitMs'> {
  return {
    tells: 2,
    amounts(told, at) {
      const used = told[at] as number
      const endsMs = used === 0 ? 0 : msUp(told[at + 1] as number)
      return { remaining: Math.max(0, limit - used), nextMs: endsMs, resetMs: endsMs }
    },
    waitMs: (told, at) => msUp(told[at + 1] as number),
  }
}
