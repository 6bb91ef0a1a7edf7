import { type KnownRule, limitOf, microseconds, msUp, type RuleHead, stateId } from '../rule.ts'
import type { ConcurrencyRule } from '../types.ts'

const LARGEST_LIMIT = 10_000

/** A concurrency rule, with the length of its leases. */
export interface Slots extends KnownRule {
  readonly letter: 's'
  readonly leaseUs: number
}

export function concurrency(head: RuleHead, rule: ConcurrencyRule): Slots {
  const limit = limitOf(rule, LARGEST_LIMIT)
  const leaseUs = microseconds('lease', rule, rule.lease)
  return {
    ...head,
    algorithm: 'concurrency',
    limit,
    windowMs: undefined,
    burst: limit,
    letter: 's',
    id: stateId('s', head.name),
    most: Infinity,
    leaseUs,
    numbers: () => [limit, leaseUs],
    // Slots held, and the microseconds until the first lease ends when none is left.
    tells: 2,
    amounts(told, at) {
      const held = told[at] as number
      const lastMs = held === 0 ? 0 : msUp(leaseUs)
      const nextMs = held < limit ? lastMs : msUp(told[at + 1] as number)
      return { remaining: Math.max(0, limit - held), nextMs, resetMs: lastMs }
    },
    waitMs: (told, at) => msUp(told[at + 1] as number),
  }
}
