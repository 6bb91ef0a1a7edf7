import { array, assert, constant, constantFrom, integer, nat, oneof, property, record } from 'fast-check'
import { expect, test } from 'vitest'

import type { LimiterDecision } from './decision-types.ts'
import { LeasedTokens } from './leased-tokens.ts'

/** A bucket of GCRA in tokens and milliseconds. */
class Level {
  #level = 0
  #at = 0
  readonly #perMs: number

  constructor(perMs: number) {
    this.#perMs = perMs
  }

  at(now: number): number {
    this.#level = Math.max(0, this.#level - (now - this.#at) * this.#perMs)
    this.#at = now
    return this.#level
  }

  add(now: number, tokens: number): void {
    this.#level = Math.max(0, this.at(now) + tokens)
  }
}

const base = (burst: number): LimiterDecision => ({
  allowed: true,
  rule: 'r',
  remaining: 0,
  retryAfterMs: 0,
  violated: [],
  rules: [
    { name: 'r', algorithm: 'gcra', limit: 1, windowMs: 1, burst, remaining: 0, nextMs: 0, resetMs: 9 },
  ],
  shadow: [],
  decidedBy: 'redis',
})

const step = record({
  waits: oneof(
    constant(0),

    constant(0),
    integer({ min: 0, max: 40 }).map((tenths) => tenths / 4),
  ),
  process: nat({ max: 2 }),
  does: constantFrom('use', 'use', 'use', 'use', 'lease', 'lease', 'give back'),
  cost: integer({ min: 1, max: 3 }),
  /** The lease was charged so long after it was asked for. */
  late: integer({ min: 0, max: 3 }),
})

test('whatever several processes lease, use and give back, the calls that pass keep the bound of the rule', () => {
  let passed = 0
  assert(
    property(array(step, { minLength: 20, maxLength: 120 }), constantFrom(0.25, 1, 4), (steps, perMs) => {
      const burst = 12
      const [redis, ideal] = [new Level(perMs), new Level(perMs)]
      const held: (LeasedTokens | undefined)[] = []
      let now = 0
      for (const { waits, process, does, cost, late } of steps) {
        now += waits
        const known = held[process]
        if (does === 'use') {
          if (known?.take(cost, now) === undefined) continue
          passed += 1
          ideal.add(now, cost)
          if (ideal.at(now) > burst + 1e-6) throw new Error(`${ideal.at(now)} tokens of ${burst}`)
        } else if (does === 'give back') {
          void known?.giveBack(now)
          held[process] = undefined
        } else {
          const since = now
          const busyUntil = known?.busyUntil ?? 0
          void known?.giveBack(now)
          held[process] = undefined
          now += late
          const count = 6
          if (redis.at(now) + count > burst) continue
          redis.add(now, count)
          // The call for which it was asked.
          ideal.add(now, cost)
          if (ideal.at(now) > burst + 1e-6) throw new Error(`${ideal.at(now)} tokens of ${burst}`)
          const chargedAt = now
          const correct = async (tokens: number): Promise<[]> => {
            redis.add(now, -Math.max(0, -tokens - (now - chargedAt) * perMs))
            return []
          }
          held[process] = new LeasedTokens(
            { count, first: cost, since, busyUntil },
            { msPerToken: 1 / perMs, idleMs: 1000 },
            base(burst),
            correct,
          )
        }
      }
    }),
    { numRuns: 500, seed: 7 },
  )
  expect(passed).toBeGreaterThan(1000)
})

test('a subject that calls as fast as its rule allows loses no leased token', () => {
  const tokens = new LeasedTokens(
    { count: 10, first: 1, since: 0, busyUntil: 0 },
    { msPerToken: 1, idleMs: 1000 },
    base(20),
    async () => [],
  )
  for (let now = 1; now <= 9; now++) expect(tokens.take(1, now)?.remaining).toBe(9 - now)
  expect(tokens.take(1, 10)).toBe(undefined)
})

test('with a clock that is late, tokens that another process got meanwhile would pass twice: so each decision reads the clock', () => {
  const burst = 10
  const lease = (): LeasedTokens =>
    new LeasedTokens(
      { count: 10, first: 1, since: 0, busyUntil: 0 },
      { msPerToken: 1, idleMs: 1000 },
      base(burst),
      async () => [],
    )
  const passing = (tokens: LeasedTokens, now: number): number => {
    let passed = 0
    while (tokens.take(1, now)) passed += 1
    return passed
  }
  // After ten milliseconds all ten tokens of the lease came back in Redis, where another process may take them.
  expect(passing(lease(), 10) + burst).toBe(burst)
  expect(passing(lease(), 0) + burst).toBe(burst + 9)
})
