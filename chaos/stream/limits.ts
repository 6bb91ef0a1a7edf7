import type { GcraRule, SlidingLogRule } from '@penknife/core'

/** The limit of the workers of a group. */
export interface LimitPlan {
  readonly place: 'space' | 'spread'
  readonly rule: GcraRule | SlidingLogRule
}

/** Its part of all entries: one of eight. Its limit allows four of five of them at the pace at which they are added. */
const HOT = 8
const ALLOWED = 0.8
const KEYS = 40
/** Part of all entries that a stream gets. */
const SHARES: Readonly<Record<string, number>> = { orders: 1 / 2, audit: 1 / 4, accounts: 1 / 4 }

/**
 * The limits: a GCRA rule and a log that one script of the stream charges, and a GCRA rule that the limiter charges in a call of its own.
 * `perSecond`: adds of all producers.
 */
export function limitOf(stream: string, group: string, perSecond: number): LimitPlan | undefined {
  const pace = Math.ceil(((perSecond * (SHARES[stream] ?? 0)) / HOT) * ALLOWED)
  const gcra = {
    name: 'rate',
    algorithm: 'gcra',
    limit: pace,
    window: '1s',
    burst: Math.ceil(pace / 4),
  } as const
  switch (`${stream}/${group}`) {
    case 'orders/billing':
      return { place: 'space', rule: gcra }
    case 'accounts/apply':
      return { place: 'space', rule: { name: 'log', algorithm: 'sliding-log', limit: pace, window: '1s' } }
    case 'audit/index':
      return { place: 'spread', rule: gcra }
    default:
      return undefined
  }
}

/** All entries of an order key have one subject. */
export function subjectOf(n: number): string {
  const key = Math.floor(n / 4) % KEYS
  return key % HOT === 0 ? 'hot' : `subject ${key}`
}

/** The most entries of a subject that may take a token in a time, its ends included. */
export function mostIn({ rule }: LimitPlan, ms: number): number {
  // Windows of all rules are a second.
  if (rule.algorithm === 'sliding-log') return rule.limit * (Math.floor(ms / 1000) + 1)
  return Math.floor((rule.burst ?? rule.limit) + (ms * rule.limit) / 1000)
}
