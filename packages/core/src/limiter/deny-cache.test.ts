import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

import { createDenyCache } from './deny-cache.ts'
import type { LimiterDecision, LimiterRuleState } from './decision-types.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
afterEach(() => void vi.useRealTimers())

const gcra: LimiterRuleState = {
  name: 'r',
  algorithm: 'gcra',
  limit: 10,
  windowMs: 10_000,
  burst: 10,
  remaining: 0,
  nextMs: 700,
  resetMs: 9700,
}

function denial(
  retryAfterMs: number,
  states: readonly LimiterRuleState[] = [gcra],
  more = {},
): LimiterDecision {
  const violated = states.map(({ name }) => name)
  const { remaining } = states[0] as LimiterRuleState
  return {
    allowed: false,
    rule: 'r',
    remaining,
    retryAfterMs,
    violated,
    rules: states,
    shadow: [],
    decidedBy: 'redis',
    ...more,
  }
}

const allowed: LimiterDecision = { ...denial(0), allowed: true, violated: [], retryAfterMs: 0 }

describe('a denial', () => {
  test('is repeated until its time, counted down, never too short and at most a hundredth too long', () => {
    const cache = createDenyCache({})
    cache.learn('ann', 'A', 1, denial(120))
    vi.advanceTimersByTime(0.9)
    expect(cache.denied('ann', 'A', 1)?.decision.retryAfterMs).toBe(120)
    cache.learn('ann', 'A', 1, denial(700))
    expect(cache.denied('ann', 'A', 1)?.decision).toMatchObject({ decidedBy: 'cache', retryAfterMs: 700 })
    vi.advanceTimersByTime(254.9)
    expect(cache.denied('ann', 'A', 1)?.decision).toMatchObject({
      allowed: false,
      retryAfterMs: 450,
      rules: [{ nextMs: 450, resetMs: 9450 }],
    })
    vi.advanceTimersByTime(445)
    expect(cache.denied('ann', 'A', 1)?.decision).toMatchObject({ retryAfterMs: 5 })
    vi.advanceTimersByTime(0.2)
    expect(cache.denied('ann', 'A', 1)).toBeUndefined()
  })

  test('is repeated for no longer than the staleness', () => {
    const cache = createDenyCache({ staleness: 100 })
    cache.learn('ann', 'A', 1, denial(60_000))
    vi.advanceTimersByTime(99.9)
    expect(cache.denied('ann', 'A', 1)).toBeDefined()
    vi.advanceTimersByTime(0.1)
    expect(cache.denied('ann', 'A', 1)).toBeUndefined()
  })

  test('is one frozen decision for calls made at the same time', async () => {
    const cache = createDenyCache({})
    cache.learn('ann', 'A', 1, denial(700))
    vi.advanceTimersByTime(10)
    const first = cache.denied('ann', 'A', 1)?.decision
    expect(cache.denied('ann', 'A', 1)?.decision).toBe(first)
    expect(await cache.denied('ann', 'A', 1)?.answer).toBe(first)
    expect([first, first?.rules, first?.rules[0], first?.violated].every(Object.isFrozen)).toBe(true)
  })

  test('denies calls of higher cost, which wait longer, and no cheaper ones', () => {
    const cache = createDenyCache({})
    cache.learn('ann', 'A', 5, denial(4700))
    expect(cache.denied('ann', 'A', 4)).toBeUndefined()
    // 8 tokens are available when two seconds are left until the rule is full again.
    expect(cache.denied('ann', 'A', 8)?.decision).toMatchObject({ retryAfterMs: 7700, rule: 'r' })
    cache.learn('ann', 'A', 1, denial(700))
    expect(cache.denied('ann', 'A', 4)?.decision.retryAfterMs).toBe(3700)
    cache.learn('ann', 'A', 5, denial(4700))
    expect(cache.denied('ann', 'A', 4), 'the smallest cost is kept').toBeDefined()
  })

  test('names for a call of higher cost all violated rules, and the one with the longest wait', () => {
    const cache = createDenyCache({})
    const fixed = { ...gcra, name: 'f', algorithm: 'fixed-window', remaining: 3, resetMs: 8000 } as const
    cache.learn('ann', 'A', 1, { ...denial(700, [gcra, fixed]), violated: ['r'] })
    const { decision } = cache.denied('ann', 'A', 4) ?? {}
    expect(decision).toMatchObject({ violated: ['r', 'f'], rule: 'f', remaining: 3, retryAfterMs: 8000 })
    expect(cache.denied('ann', 'A', 3)?.decision).toMatchObject({ violated: ['r'], retryAfterMs: 2700 })
  })

  test('of a blocked subject counts the block down, whatever the cost', () => {
    const cache = createDenyCache({ staleness: '1m' })
    const blocked = { reason: 'abuse', endsInMs: 30_000 }
    cache.learn('ann', 'A', 1, denial(30_000, [gcra], { blocked, violated: [] }))
    vi.advanceTimersByTime(40 * 234)
    expect(cache.denied('ann', 'A', 7)?.decision).toMatchObject({
      blocked: { reason: 'abuse', endsInMs: 20_640 },
      retryAfterMs: 20_640,
      violated: [],
    })
  })

  test('applies to its own rules only', () => {
    const cache = createDenyCache({})
    cache.learn('ann', 'A', 1, denial(700))
    cache.learn('ann', 'B', 2, denial(800))
    expect(cache.denied('ann', 'C', 9)).toBeUndefined()
    expect(cache.denied('ann', 'B', 1)).toBeUndefined()
    expect(cache.denied('ann', 'A', 1)?.decision.retryAfterMs).toBe(700)
    expect(cache.denied('ann', 'B', 2)?.decision.retryAfterMs).toBe(800)
  })
})

describe('not cached', () => {
  const cases: readonly [string, LimiterDecision, number][] = [
    ['a call that was allowed', allowed, 1],
    ['a look', denial(700), 0],
    ['an answer of the policy', denial(700, [gcra], { decidedBy: 'policy' }), 1],
    [
      'a denial under a concurrency rule',
      denial(700, [gcra, { ...gcra, name: 'c', algorithm: 'concurrency' }]),
      1,
    ],
  ]
  test.each(cases)('%s', (_what, decision, cost) => {
    const cache = createDenyCache({})
    cache.learn('ann', 'A', cost, decision)
    expect(cache.denied('ann', 'A', 10)).toBeUndefined()
  })

  test('a denial that a later call disproved', () => {
    const cache = createDenyCache({})
    cache.learn('ann', 'A', 2, denial(700))
    cache.learn('ann', 'A', 1, allowed)
    expect(cache.denied('ann', 'A', 2), 'a cheaper call proves nothing').toBeDefined()
    cache.learn('ann', 'A', 2, allowed)
    expect(cache.denied('ann', 'A', 2)).toBeUndefined()
  })

  test('denials that were deleted, for one subject or for all', () => {
    const cache = createDenyCache({})
    for (const subject of ['ann', 'bob', 'eve']) cache.learn(subject, 'A', 1, denial(700))
    cache.forget('ann')
    expect(['ann', 'bob', 'eve'].map((subject) => cache.denied(subject, 'A', 1) !== undefined)).toEqual([
      false,
      true,
      true,
    ])
    cache.forget()
    expect(cache.denied('bob', 'A', 1)).toBeUndefined()
  })
})

describe('memory is bounded', () => {
  const taken = (cache: ReturnType<typeof createDenyCache>): number =>
    Array.from({ length: 1000 }, (_, at) => cache.denied(`s${at}`, 'A', 1)).filter(Boolean).length

  test('by the number of subjects, and the latest half is always there', () => {
    const cache = createDenyCache({ entries: 100 })
    for (let at = 0; at < 1000; at++) {
      cache.learn(`s${at}`, 'A', 1, denial(60_000))
      expect(cache.denied(`s${Math.max(0, at - 49)}`, 'A', 1)).toBeDefined()
    }
    expect(taken(cache)).toBeLessThanOrEqual(100)
  })

  test('by the number of rule sets of a subject', () => {
    const cache = createDenyCache({})
    for (let at = 0; at < 100; at++) cache.learn('ann', `rules ${at}`, 1, denial(60_000))
    const kept = Array.from({ length: 100 }, (_, at) => cache.denied('ann', `rules ${at}`, 1)).filter(Boolean)
    expect(kept).toHaveLength(4)
    expect(cache.denied('ann', 'rules 99', 1)).toBeDefined()
  })
})

test.each([
  ['entries', { entries: 1 }],
  ['staleness', { staleness: 0 }],
  ["denyCache option 'size'", { size: 1 }],
])('a wrong option is refused: %s', (option, options) => {
  expect(() => createDenyCache(options as never)).toThrow(option)
})
