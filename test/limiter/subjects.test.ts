import {
  createRateLimiter,
  type RateLimiter,
  type RateLimiterOptions,
  type LimiterRule,
} from '@penknife/core'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

import { createClock, useSettableClock } from '../support/clock.ts'
import { failure, openReady } from '../support/connect.ts'
import { callsOf, pattern, useRedis } from '../support/redis.ts'

useSettableClock()

const bench = useRedis()
const START_US = 1_800_000_000_000_000
const HOUR_US = 3_600_000_000
const SECOND_US = 1_000_000

const GCRA: LimiterRule = { name: 'r', limit: 10, window: '1h' }
const PER: readonly LimiterRule[] = [
  { name: 'tenant', per: 'tenant', limit: 10, window: '1h' },
  { name: 'user', per: 'user', limit: 3, window: '1h' },
  { name: 'ip', per: 'ip', algorithm: 'sliding-log', limit: 5, window: '1h' },
]

/** The time of this process is the settable clock, as in Redis. */
beforeEach(() => void vi.spyOn(performance, 'now').mockReturnValue(1000))
afterEach(() => void vi.restoreAllMocks())

async function setUp(rules: readonly LimiterRule[], options: Partial<RateLimiterOptions> = {}) {
  const penknife = await openReady(pattern(bench.server.url))
  const clock = createClock(bench.raw)
  await clock.set(START_US)
  // What is remembered here knows nothing of the settable clock.
  const always = { deadline: '5s', whenUnavailable: 'throw', denyCache: false } as const
  const settings = { rules, ...always, ...options } as const
  const limiter: RateLimiter = createRateLimiter(penknife.space('shop'), 'api', settings)
  const left = async (subject: Parameters<RateLimiter['take']>[0]): Promise<number[]> =>
    (await limiter.take(subject, { cost: 0 })).rules.map(({ remaining }) => remaining)
  return { clock, limiter, left }
}

/** The keys of subjects. */
async function keys(): Promise<string[]> {
  return await bench.raw.keys('pk1:{shop/*')
}

describe('a refund', () => {
  test('never lifts a subject above its limit, and creates no state', async () => {
    const { limiter, left } = await setUp([
      GCRA,
      { name: 'f', algorithm: 'fixed-window', limit: 10, window: '1h' },
      { name: 'w', algorithm: 'sliding-window', limit: 10, window: '1h' },
      { name: 'l', algorithm: 'sliding-log', limit: 10, window: '1h' },
    ])
    await limiter.refund('ann', { cost: 5 })
    expect(await keys()).toEqual([])
    await limiter.take('ann', { cost: 3 })
    const states = await limiter.refund('ann', { cost: 1000 })
    expect(states.map(({ remaining }) => remaining)).toEqual([10, 10, 10, 10])
    expect(await left('ann')).toEqual([10, 10, 10, 10])
    for (const key of await keys()) expect(await bench.raw.pttl(key)).toBeGreaterThan(0)
  })

  test('past the end of a state leaves no key without a TTL', async () => {
    const { limiter } = await setUp([GCRA])
    await limiter.take('ann')
    const [key] = (await keys()) as [string]
    await bench.raw.del(key)
    await limiter.refund('ann')
    expect(await keys()).toEqual([])
  })

  test('gives back to the given rules', async () => {
    const other: LimiterRule = { name: 'other', limit: 10, window: '1h' }
    const { limiter, left } = await setUp([GCRA, other])
    await limiter.take('ann', { cost: 4 })
    await limiter.refund('ann', { cost: 2, rules: [other] })
    expect(await left('ann')).toEqual([6, 8])
  })
})

describe('a penalty', () => {
  test('charges also when a call would be denied, up to twice the limit', async () => {
    const { limiter, clock } = await setUp([GCRA])
    await limiter.take('ann', { cost: 9 })
    expect(await limiter.penalty('ann', { cost: 1000 })).toMatchObject([{ remaining: 0, resetMs: 7_200_000 }])
    expect(await limiter.take('ann', { cost: 0 })).toMatchObject({ allowed: false, retryAfterMs: 3_600_000 })
    await clock.advance(HOUR_US)
    expect(await limiter.take('ann', { cost: 0 })).toMatchObject({ allowed: true, remaining: 0 })
  })
})

describe('a block', () => {
  const mixed: readonly LimiterRule[] = [
    GCRA,
    { name: 'l', algorithm: 'sliding-log', limit: 5, window: '1h' },
  ]
  test.each([
    ['one GCRA rule', [GCRA]],
    ['several GCRA rules', [GCRA, { ...GCRA, name: 's' }]],
    ['mixed rules', mixed],
    ['no rule with a state of its own', mixed.slice(1)],
  ] as const)('denies with its reason until it ends, and keeps what was used: %s', async (_, rules) => {
    const { limiter, clock, left } = await setUp(rules)
    await limiter.take('ann', { cost: 3 })
    const before = await left('ann')
    await limiter.block('ann', { duration: '10s', reason: 'too curious' })
    const denied = await limiter.take('ann')
    expect(denied).toMatchObject({
      allowed: false,
      blocked: { reason: 'too curious', endsInMs: 10_000 },
      retryAfterMs: 10_000,
      remaining: 0,
      violated: [],
      decidedBy: 'redis',
    })
    expect(denied.rules).toHaveLength(rules.length)
    expect((await limiter.take('bob')).allowed).toBe(true)
    await clock.advance(10 * SECOND_US)
    expect((await left('ann')).map((each, at) => each - (before[at] as number))).toEqual(rules.map(() => 0))
    expect((await limiter.take('ann')).allowed).toBe(true)
    expect((await left('ann')).map((each, at) => each - (before[at] as number))).toEqual(rules.map(() => -1))
  })

  test('ends when it is unblocked, and leaves nothing of an unused subject', async () => {
    const { limiter } = await setUp([GCRA])
    expect(await limiter.unblock('ann')).toBe(false)
    await limiter.block('ann', { duration: '1h', reason: 'x' })
    const [key] = (await keys()) as [string]
    expect(await bench.raw.pttl(key)).toBeGreaterThan(3_500_000)
    expect(await limiter.unblock('ann')).toBe(true)
    expect(await keys()).toEqual([])
    expect((await limiter.take('ann')).allowed).toBe(true)
  })

  test('applies under other rules of the limiter too, and can be prolonged', async () => {
    const { limiter, clock } = await setUp([GCRA])
    await limiter.block('ann', { duration: '1m', reason: 'x' })
    await limiter.block('ann', { duration: '2m', reason: 'y' })
    await clock.advance(90 * SECOND_US)
    const decision = await limiter.take('ann', { rules: [{ name: 'else', limit: 1, window: '1h' }] })
    expect(decision).toMatchObject({ allowed: false, blocked: { reason: 'y', endsInMs: 30_000 } })
  })

  test('is not prolonged when the clock is set back', async () => {
    const { limiter, clock } = await setUp([GCRA])
    await limiter.block('ann', { duration: '1m', reason: 'x' })
    await clock.advance(-24 * HOUR_US)
    expect(await limiter.take('ann')).toMatchObject({ blocked: { endsInMs: 60_000 } })
    await clock.advance(60 * SECOND_US)
    expect((await limiter.take('ann')).allowed).toBe(true)
  })

  test.each([
    [{ duration: '1m', reason: '' }, 'reason'],
    [{ duration: '1m', reason: 'x'.repeat(257) }, 'reason'],
    [{ duration: 0, reason: 'x' }, 'duration'],
    [{ duration: '1m', reason: 'x', per: 'user' }, 'per'],
    [{ duration: '1m', reason: 'x', until: 5 }, "block option 'until'"],
  ])('refuses %j', async (options, option) => {
    const { limiter } = await setUp([GCRA])
    expect(await failure(limiter.block('ann', options as never))).toMatchObject({ option })
  })
})

describe('a shadow rule', () => {
  const shadow: LimiterRule = {
    name: 'candidate',
    shadow: true,
    algorithm: 'sliding-log',
    limit: 2,
    window: '1h',
  }

  test('is counted and reported, never denies, and does not keep others from being charged', async () => {
    const { limiter, left } = await setUp([GCRA, shadow])
    const taken = []
    for (let at = 0; at < 4; at++) taken.push(await limiter.take('ann'))
    expect(taken.map(({ allowed }) => allowed)).toEqual([true, true, true, true])
    expect(taken.map((each) => each.shadow[0]?.allowed)).toEqual([true, true, false, false])
    expect(taken.map((each) => each.shadow[0]?.remaining)).toEqual([1, 0, 0, 0])
    expect(taken.map(({ rule }) => rule)).toEqual(['r', 'r', 'r', 'r'])
    expect(await left('ann')).toEqual([6])
    expect((await limiter.take('ann', { cost: 3 })).allowed).toBe(true)
  })

  test('is not charged by a call that an enforced rule denies', async () => {
    const { limiter } = await setUp([
      { ...GCRA, limit: 1 },
      { ...GCRA, name: 'candidate', shadow: true },
    ])
    for (let at = 0; at < 3; at++) await limiter.take('ann')
    expect((await limiter.take('ann', { cost: 0 })).shadow).toMatchObject([{ remaining: 9, allowed: true }])
  })

  test('keeps its count when it becomes enforced', async () => {
    const { limiter } = await setUp([GCRA, { ...GCRA, name: 'candidate', shadow: true }])
    await limiter.take('ann', { cost: 4 })
    const promoted: readonly LimiterRule[] = [{ ...GCRA, name: 'candidate' }]
    expect(await limiter.take('ann', { cost: 0, rules: promoted })).toMatchObject({ remaining: 6 })
  })
})

describe('rules over parts of a subject', () => {
  const subject = { tenant: 't1', user: 'u1', ip: '192.0.2.1' }

  test('with routeBy are charged all or none, in one call', async () => {
    const { limiter, left } = await setUp(PER, { routeBy: 'tenant' })
    // Before the first call of a process Redis learns of the rule with a key of its own.
    expect((await limiter.take(subject)).allowed).toBe(true)
    await bench.raw.config('RESETSTAT')
    for (let at = 0; at < 2; at++) expect((await limiter.take(subject)).allowed).toBe(true)
    expect(await limiter.take(subject)).toMatchObject({ allowed: false, violated: ['user'], rule: 'user' })
    // One for each call, though they have keys of their own.
    expect(await callsOf(bench.raw, 'evalsha')).toBe(3)
    expect(await left(subject)).toEqual([7, 0, 2])
    expect(await left({ ...subject, user: 'u2' })).toEqual([7, 3, 2])
    expect(await left({ ...subject, tenant: 't2' })).toEqual([10, 3, 5])
    const tags = (await keys()).map((key) => /\{[^}]+\}/.exec(key)?.[0])
    expect(new Set(tags).size).toBe(1)
  })

  test('without routeBy are charged in order, and given back when a later one denies', async () => {
    const { limiter, left } = await setUp(PER)
    for (let at = 0; at < 3; at++) expect((await limiter.take(subject)).allowed).toBe(true)
    const denied = await limiter.take(subject, { cost: 2 })
    expect(denied).toMatchObject({ allowed: false, violated: ['user'], rule: 'user', remaining: 0 })
    expect(denied.rules.map(({ name, remaining }) => [name, remaining])).toEqual([
      ['tenant', 7],
      ['user', 0],
      ['ip', 2],
    ])
    expect(await left(subject)).toEqual([7, 0, 2])
    // A user or an address is the same under every tenant.
    expect(await left({ ...subject, tenant: 't2' })).toEqual([10, 0, 2])
  })

  test('a slot taken before a later part denied is given back', async () => {
    const { limiter, left } = await setUp([
      { name: 'parallel', per: 'tenant', algorithm: 'concurrency', limit: 2, lease: '1m' },
      { name: 'user', per: 'user', limit: 1, window: '1h' },
    ])
    expect((await limiter.take(subject)).lease).toBeDefined()
    expect(await limiter.take(subject)).toMatchObject({ allowed: false, lease: undefined })
    expect(await left(subject)).toEqual([1, 0])
  })

  test.each([undefined, 'tenant'])(
    'a subject that the caller changes after a call is the old one for that call (routeBy %s)',
    async (routeBy) => {
      const { limiter, left } = await setUp(PER, routeBy === undefined ? {} : { routeBy })
      const given = { tenant: 'acme', user: 'ann', ip: '10.0.0.1' }
      const before = { ...given }
      const taking = limiter.take(given)
      const reserving = limiter.reserve(given, { cost: 2, expires: '1m' })
      Object.assign(given, { tenant: 'other', user: '', ip: '{}' })
      expect((await taking).allowed).toBe(true)
      const reservation = await reserving
      expect(await left(before)).toEqual([7, 0, 2])
      expect(await reservation.cancel()).toBe(true)
      expect(await left(before)).toEqual([9, 2, 4])
    },
  )

  test.each([undefined, 'tenant'])('parts are blocked, and reset, by name (routeBy %s)', async (routeBy) => {
    const { limiter, left } = await setUp(PER, routeBy === undefined ? {} : { routeBy })
    await limiter.take(subject)
    await limiter.block(subject, { per: 'user', duration: '1m', reason: 'x' })
    expect(await limiter.take(subject)).toMatchObject({ allowed: false, blocked: { reason: 'x' } })
    expect(await left({ ...subject, user: 'u2' })).toEqual([9, 3, 4])
    expect(await limiter.unblock(subject, { per: 'user' })).toBe(true)
    expect(await left(subject)).toEqual([9, 2, 4])
    await limiter.reset(subject, { per: 'user' })
    expect(await left(subject)).toEqual([9, 3, 4])
    await limiter.reset(subject)
    expect(await keys()).toEqual([])
    expect((await failure(limiter.block(subject, { duration: '1m', reason: 'x' }))).option).toBe('per')
  })

  test.each([
    ['a text', 'ann', 'subject'],
    ['a part missing', { tenant: 't1', user: 'u1' }, 'subject ip'],
    ['an empty part', { ...subject, user: '' }, 'subject user'],
  ])('refuses %s', async (_, given, option) => {
    const { limiter } = await setUp(PER, { routeBy: 'tenant' })
    expect(await failure(limiter.take(given))).toMatchObject({ code: 'PENKNIFE_INVALID', option })
  })

  test('crafted names of parts cannot share a state', async () => {
    const { limiter, left } = await setUp(PER, { routeBy: 'tenant' })
    await limiter.take({ tenant: 'a', user: 'b/c', ip: 'x' })
    await limiter.take({ tenant: 'a/b', user: 'c', ip: 'x' })
    expect(await left({ tenant: 'a', user: 'b/c', ip: 'x' })).toEqual([9, 2, 4])
    expect(await left({ tenant: 'a/b', user: 'c', ip: 'x' })).toEqual([9, 2, 4])
    expect(await left({ tenant: '3/a/b', user: '1/a/b', ip: 'x' })).toEqual([10, 3, 5])
  })
})

describe('rules of a call', () => {
  test('keep used tokens under the same names, whatever their numbers', async () => {
    const { limiter } = await setUp([{ name: 'plan', limit: 10, window: '1h' }])
    await limiter.take('ann', { cost: 8 })
    const pro: readonly LimiterRule[] = [{ name: 'plan', limit: 1000, window: '1h' }]
    expect(await limiter.take('ann', { cost: 0, rules: pro })).toMatchObject({ remaining: 992 })
    expect(await limiter.take('ann', { cost: 2 })).toMatchObject({ remaining: 0 })
  })

  test('can add a rule without losing the state of another', async () => {
    const day: LimiterRule = { name: 'day', algorithm: 'fixed-window', limit: 100, window: '1d' }
    const { limiter } = await setUp([day])
    await limiter.take('ann', { cost: 60 })
    const both = await limiter.take('ann', { rules: [{ name: 'burst', limit: 5, window: '1s' }, day] })
    expect(both.rules.map(({ remaining }) => remaining)).toEqual([4, 39])
    expect(await limiter.take('ann', { cost: 0 })).toMatchObject({ remaining: 39 })
  })

  test('a subject in use under 32 rules is refused another one, and loses none', async () => {
    const { limiter } = await setUp([GCRA])
    const nth = (at: number): readonly LimiterRule[] => [{ ...GCRA, name: `rule-${at}` }]
    for (let at = 0; at < 32; at++) await limiter.take('ann', { rules: nth(at) })
    expect(await failure(limiter.take('ann', { rules: nth(32) }))).toMatchObject({
      code: 'PENKNIFE_REJECTED',
    })
    expect(await limiter.take('ann', { cost: 0, rules: nth(0) })).toMatchObject({ remaining: 9 })
  })

  test('a cost above the smallest burst of the call is an error', async () => {
    const { limiter } = await setUp([GCRA])
    expect(await failure(limiter.take('ann', { cost: 11 }))).toMatchObject({ option: 'cost' })
    const rules: readonly LimiterRule[] = [{ name: 's', algorithm: 'sliding-window', limit: 4, window: '1s' }]
    expect((await failure(limiter.take('ann', { cost: 5, rules }))).message).toMatch(/from 0 to 4/)
  })
})

test('reset deletes everything stored about a subject, and nothing of others', async () => {
  const { limiter, left } = await setUp([
    GCRA,
    { name: 'l', algorithm: 'sliding-log', limit: 5, window: '1h' },
    { name: 's', algorithm: 'concurrency', limit: 5, lease: '1m' },
  ])
  const extra: readonly LimiterRule[] = [{ name: 'extra', algorithm: 'sliding-log', limit: 5, window: '1h' }]
  for (const subject of ['ann', 'bob']) {
    await limiter.take(subject)
    await limiter.take(subject, { rules: extra })
  }
  await limiter.block('ann', { duration: '1h', reason: 'x' })
  expect(await keys()).toHaveLength(8)
  await limiter.reset('ann', { rules: extra })
  expect(await keys()).toHaveLength(4)
  expect(await left('ann')).toEqual([10, 5, 5])
  expect(await left('bob')).toEqual([9, 4, 4])
})

describe('reset deletes data of other processes', () => {
  const EXTRA: readonly LimiterRule[] = [
    { name: 'exact', algorithm: 'sliding-log', limit: 5, window: '1m' },
    { name: 'parallel', algorithm: 'concurrency', limit: 2, lease: '1m' },
  ]
  test('under rules that the caller never had', async () => {
    const { limiter } = await setUp([GCRA])
    const { limiter: other } = await setUp([...EXTRA, GCRA])
    await other.take('ann')
    expect(await keys()).toHaveLength(3)
    await limiter.reset('ann')
    expect(await keys()).toEqual([])
  })

  test("of parts that the caller's rules do not count", async () => {
    const { limiter } = await setUp([{ ...GCRA, per: 'tenant' }])
    const perUser = EXTRA.map((rule) => ({ ...rule, per: 'user' }))
    const { limiter: other } = await setUp([{ ...GCRA, per: 'user' }, ...perUser])
    const subject = { tenant: 't1', user: 'u1' }
    await other.take(subject)
    await other.take({ tenant: 't1', user: 'u2' })
    await limiter.take(subject)
    await limiter.reset(subject)
    expect((await keys()).filter((key) => !key.includes('u2'))).toEqual([])
    expect(await keys()).toHaveLength(3)
  })

  test('also after Redis lost the registered rules and a process went on charging them', async () => {
    const { limiter } = await setUp([GCRA])
    const { limiter: other } = await setUp(EXTRA)
    await other.take('ann')
    await bench.raw.del('pk1:{shop}:limit-rules:api', ...(await keys()))
    vi.mocked(performance.now).mockReturnValue(61_001)
    await other.take('ann')
    await limiter.reset('ann')
    expect(await keys()).toEqual([])
  })

  test('and names of rules that are not charged any more are deleted', async () => {
    const { limiter, clock } = await setUp(EXTRA)
    const { limiter: later } = await setUp([{ ...(EXTRA[0] as LimiterRule), name: 'later' }])
    await limiter.take('ann')
    const key = 'pk1:{shop}:limit-rules:api'
    expect(await bench.raw.zrange(key, '0', '-1')).toEqual(['l//exact', 's//parallel'])
    expect(await bench.raw.pttl(key)).toBeGreaterThan(600_000)
    await clock.advance(661_000_000)
    await later.take('ann')
    expect(await bench.raw.zrange(key, '0', '-1')).toEqual(['l//later'])
  })

  test('at the cost of one script call a process, however many calls are first', async () => {
    const { limiter } = await setUp(EXTRA)
    await limiter.take('dan', { cost: 0 })
    await bench.raw.config('RESETSTAT')
    await Promise.all(['ann', 'bob', 'cem'].map((subject) => limiter.take(subject)))
    // The calls of the tick share one script call for the charges and one for the names.
    expect(await callsOf(bench.raw, 'evalsha')).toBe(2)
    await limiter.take('ann')
    expect(await callsOf(bench.raw, 'evalsha')).toBe(3)
  })

  test('or fails when the key of the names is damaged, while calls are limited all the same', async () => {
    const { limiter } = await setUp(EXTRA)
    await bench.raw.set('pk1:{shop}:limit-rules:api', 'damaged')
    expect((await limiter.take('ann')).decidedBy).toBe('redis')
    expect((await limiter.take('ann')).allowed).toBe(true)
    expect((await limiter.take('ann')).allowed).toBe(false)
    const refused = await failure(limiter.reset('ann'))
    expect(refused).toMatchObject({ code: 'PENKNIFE_REJECTED', fate: 'not-done' })
    expect(refused.message).toContain('pk1:{shop}:limit-rules:api')
    expect(await keys()).toHaveLength(2)
  })
})

describe('with hashSubjects', () => {
  const SECRET = 'key-4711'
  test('no secret is in a key name, and every call finds its state by the subject', async () => {
    const rules: readonly LimiterRule[] = [
      GCRA,
      { name: 'exact', algorithm: 'sliding-log', limit: 5, window: '1h' },
      { name: 'parallel', algorithm: 'concurrency', limit: 2, lease: '1m' },
    ]
    const { limiter, left } = await setUp(rules, { hashSubjects: true })
    const { lease } = await limiter.take(SECRET)
    await limiter.refund(SECRET)
    await limiter.penalty(SECRET, { cost: 3 })
    expect(await lease?.release()).toBe(true)
    expect(await left(SECRET)).toEqual([7, 2, 2])
    await limiter.block(SECRET, { duration: '1m', reason: 'abuse' })
    expect(await limiter.take(SECRET)).toMatchObject({ blocked: { reason: 'abuse' } })
    expect((await bench.raw.keys('*')).join()).not.toContain(SECRET)
    await limiter.reset(SECRET)
    expect(await keys()).toEqual([])
  })

  test('no part of a subject is in a key name either, also with routeBy', async () => {
    const { limiter } = await setUp(PER, { hashSubjects: true, routeBy: 'tenant' })
    await limiter.take({ tenant: `t-${SECRET}`, user: `u-${SECRET}`, ip: `i-${SECRET}` })
    expect(await keys()).toHaveLength(3)
    expect((await bench.raw.keys('*')).join()).not.toContain(SECRET)
  })

  test('subjects with it and without it have separate states', async () => {
    const { limiter } = await setUp([GCRA], { hashSubjects: true })
    const { left } = await setUp([GCRA])
    await limiter.take(SECRET)
    expect(await left(SECRET)).toEqual([10])
  })
})
