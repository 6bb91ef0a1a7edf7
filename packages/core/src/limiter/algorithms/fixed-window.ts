import { type KnownRule, limitOf, microseconds, msUp, type RuleHead, stateId } from '../rule.ts'
import type { FixedWindowRule } from '../rule-types.ts'

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
    parameters: () => [limit, windowUs],
    ...countedUntil(limit),
  }
}

/** Decodes the state of a count that ends as a whole: tokens used, and the microseconds left. */
export function countedUntil(limit: number): Pick<KnownRule, 'stateSize' | 'amounts' | 'waitMs'> {
  return {
    stateSize: 2,
    amounts(numbers, at) {
      const used = numbers[at] as number
      const endsMs = used === 0 ? 0 : msUp(numbers[at + 1] as number)
      return { remaining: Math.max(0, limit - used), nextMs: endsMs, resetMs: endsMs }
    },
    waitMs: (numbers, at) => msUp(numbers[at + 1] as number),
  }
}
