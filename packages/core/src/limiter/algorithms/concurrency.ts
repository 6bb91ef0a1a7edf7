import { type KnownRule, limitOf, microseconds, msUp, type RuleHead, stateId } from '../rule.ts'
import type { ConcurrencyRule } from '../rule-types.ts'

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
    parameters: () => [limit, leaseUs],
    // The script replies the slots in use, and if none is free, the microseconds until a lease expires.
    stateSize: 2,
    amounts(numbers, at) {
      const used = numbers[at] as number
      const lastMs = used === 0 ? 0 : msUp(leaseUs)
      const nextMs = used < limit ? lastMs : msUp(numbers[at + 1] as number)
      return { remaining: Math.max(0, limit - used), nextMs, resetMs: lastMs }
    },
    waitMs: (numbers, at) => msUp(numbers[at + 1] as number),
  }
}
