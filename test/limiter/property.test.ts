import { createRateLimiter, type Decision, type RateLimiter, type GcraRule as Rule } from '@penknife/core'
import * as fc from 'fast-check'
import { expect, test, vi } from 'vitest'

import { createClock } from '../support/clock.ts'
import { openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { LONG } from '../support/until.ts'
import { createModel, mistakes } from './model.ts'

vi.mock('../../packages/core/src/redis/scripts.gen.ts', () =>
  import('../support/clock.ts').then(({ scriptsWithClock }) => scriptsWithClock()),
)

const bench = useRedis()
const START_US = 1_800_000_000_000_000
const MINUTE_US = 60_000_000

type Step =
  | { readonly kind: 'take'; readonly subjects: readonly number[]; readonly cost: number }
  | { readonly kind: 'clock'; readonly us: number }
  | { readonly kind: 'rules'; readonly at: number }

/** Long enough that no state expires by the server's own clock while a test runs. */
const rule = (name: string): fc.Arbitrary<Rule> =>
  fc.record({
    name: fc.constant(name),
    limit: fc.integer({ min: 1, max: 20 }),
    window: fc.integer({ min: 60_000, max: 600_000 }),
    burst: fc.integer({ min: 1, max: 30 }),
  })

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('take' as const),
      subjects: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 6 }),
      cost: fc.integer({ min: 0, max: 5 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('clock' as const),
      us: fc.oneof(
        fc.integer({ min: 0, max: MINUTE_US }),
        fc.integer({ min: -MINUTE_US, max: 20 * MINUTE_US }),
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('rules' as const), at: fc.integer({ min: 0, max: 2 }) }),
  },
)

/** Three versions of one limiter, as deployments of an application would have them: same names, other numbers. */
const versions = fc
  .integer({ min: 1, max: 3 })
  .chain((count) =>
    fc.array(fc.tuple(...['a', 'b', 'c'].slice(0, count).map(rule)), { minLength: 3, maxLength: 3 }),
  )

async function states(): Promise<Map<string, string>> {
  const keys = (await bench.raw.keys('pk1:*')).toSorted()
  const entries = await Promise.all(
    keys.map(async (key) => [key, (await bench.raw.dumpBuffer(key))?.toString('hex') ?? ''] as const),
  )
  return new Map(entries)
}

/** What was written anew has a TTL. Makes it long, because the server's clock is not the test's. */
async function checkTtls(before: Map<string, string>): Promise<void> {
  for (const [key, dump] of await states()) {
    if (before.get(key) === dump) continue
    expect(await bench.raw.pttl(key), `${key} has no TTL`).toBeGreaterThan(0)
    await bench.raw.pexpire(key, 3_600_000)
  }
}

test('every decision is the one that exact arithmetic gives, and a denial changes nothing', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const space = penknife.space('shop')
  const clock = createClock(bench.raw)
  const seen = { allowed: 0, denied: 0 }

  async function run(
    limiters: readonly RateLimiter[],
    rules: readonly Rule[][],
    steps: readonly Step[],
  ): Promise<void> {
    await bench.raw.flushall()
    await clock.set(START_US)
    const model = createModel()
    let version = 0
    for (const next of steps) {
      if (next.kind === 'clock') await clock.advance(next.us)
      else if (next.kind === 'rules') version = next.at
      else {
        const used = rules[version] as Rule[]
        const cost = Math.min(next.cost, ...used.map(({ burst = 0 }) => burst))
        const before = await states()
        const subjects = next.subjects.map((subject) => `subject-${subject}`)
        const limiter = limiters[version] as RateLimiter
        // Together in one turn: a batch in which subjects repeat.
        const decisions: Decision[] = await Promise.all(
          subjects.map((subject) => limiter.take(subject, { cost })),
        )
        for (const [at, subject] of subjects.entries()) {
          const decision = decisions[at] as Decision
          const expected = model.take(subject, used, cost, clock.now)
          expect(mistakes(expected, decision)).toEqual([])
          seen[decision.allowed ? 'allowed' : 'denied'] += 1
        }
        if (decisions.every(({ allowed }) => !allowed) || cost === 0) expect(await states()).toEqual(before)
        else await checkTtls(before)
      }
    }
  }

  await fc.assert(
    fc.asyncProperty(versions, fc.array(step, { minLength: 5, maxLength: 25 }), async (rules, steps) => {
      const limiters = rules.map((each) =>
        createRateLimiter(space, { name: 'api', rules: each, deadline: '5s' }),
      )
      await run(limiters, rules, steps)
    }),
    { numRuns: LONG ? 2000 : 150 },
  )
  // Both answers were seen often enough for the comparison to mean something.
  expect(Math.min(seen.allowed, seen.denied)).toBeGreaterThan(100)
}, 300_000)

test('after waiting exactly retryAfterMs the same call passes, and a millisecond earlier it does not', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const clock = createClock(bench.raw)
  const rules: Rule[] = [
    { name: 'burst', limit: 7, window: 60_000, burst: 3 },
    { name: 'daily', limit: 100, window: '1d' },
  ]
  const limiter = createRateLimiter(penknife.space('shop'), { name: 'api', rules, deadline: '5s' })
  await clock.set(START_US)
  for (let at = 0; at < 3; at++) expect((await limiter.take('ann')).allowed).toBe(true)
  const { allowed, retryAfterMs } = await limiter.take('ann', { cost: 2 })
  expect(allowed).toBe(false)
  await clock.advance((retryAfterMs - 1) * 1000)
  expect(await limiter.take('ann', { cost: 2 })).toMatchObject({ allowed: false, retryAfterMs: 1 })
  await clock.advance(1000)
  expect((await limiter.take('ann', { cost: 2 })).allowed).toBe(true)
})

test('every state has a TTL of about the time until the subject is rested', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const clock = createClock(bench.raw)
  const rules: Rule[] = [
    { name: 'a', limit: 10, window: '10s' },
    { name: 'b', limit: 100, window: '1h' },
  ]
  const limiter = createRateLimiter(penknife.space('shop'), { name: 'api', rules, deadline: '5s' })
  await clock.set(START_US)
  const { rules: state } = await limiter.take('ann', { cost: 3 })
  const [key] = (await bench.raw.keys('pk1:*')) as [string]
  const ttl = await bench.raw.pttl(key)
  expect(state[1]?.resetMs).toBe(108_000)
  // At most as long again, so that most charges need not set it anew.
  expect(ttl).toBeGreaterThan(108_000)
  expect(ttl).toBeLessThanOrEqual(216_000)
})
