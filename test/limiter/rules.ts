import type { GcraRule, LimiterRule } from '@penknife/core'
import * as fc from 'fast-check'

export type Kind = 'gcra' | 'fixed-window' | 'calendar' | 'sliding-window' | 'sliding-log' | 'concurrency'

export const KINDS: readonly Kind[] = [
  'gcra',
  'fixed-window',
  'calendar',
  'sliding-window',
  'sliding-log',
  'concurrency',
]

/** Long enough that no state expires by the server's own clock while a test runs. */
const window = fc.integer({ min: 60_000, max: 600_000 })
const limit = fc.integer({ min: 1, max: 20 })

/** Any rule of a kind. */
export function ruleOf(kind: Kind, name: string, shadow: boolean): fc.Arbitrary<LimiterRule> {
  const head = { name: fc.constant(name), shadow: fc.constant(shadow), limit }
  switch (kind) {
    case 'gcra':
      return fc.record({ ...head, window, burst: fc.integer({ min: 1, max: 30 }) })
    case 'calendar':
      // One name has one calendar: another one is refused.
      return fc
        .record({
          ...head,
          algorithm: fc.constant('fixed-window' as const),
          calendar: fc.constantFrom('hour' as const, 'day' as const),
          timeZone: fc.constant('UTC'),
        })
        .map((rule) => ({ ...rule, name: `${name}-${rule.calendar}` }))
    case 'concurrency':
      return fc.record({ ...head, algorithm: fc.constant(kind), lease: window })
    default:
      return fc.record({ ...head, algorithm: fc.constant(kind), window }) as fc.Arbitrary<LimiterRule>
  }
}

/** The most tokens that one call can take under a rule. */
export function mostOf(rule: LimiterRule): number {
  return rule.algorithm === 'concurrency' ? Infinity : ((rule as GcraRule).burst ?? rule.limit)
}
