import type { LimiterRule } from '@penknife/core'
import { describe, expect, test } from 'vitest'

import { failure } from '../support/connect.ts'
import { GCRA, HOUR_US, PER, SECOND_US, useSubjects } from './subject-setup.ts'

const { bench, keys, setUp } = useSubjects()

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

describe('setting the use of a subject', () => {
  const rules: readonly LimiterRule[] = [
    GCRA,
    { name: 'f', algorithm: 'fixed-window', limit: 10, window: '1h' },
    { name: 'w', algorithm: 'sliding-window', limit: 10, window: '1h' },
    { name: 'l', algorithm: 'sliding-log', limit: 10, window: '1h' },
    { name: 's', algorithm: 'concurrency', limit: 2, lease: '1h' },
  ]
  test('replaces what was used, up to twice the limit, and keeps slots', async () => {
    const { limiter, left } = await setUp(rules)
    await limiter.take('ann', { cost: 7 })
    const remaining = (await limiter.set('ann', { used: 4 })).map((each) => each.remaining)
    expect(remaining).toEqual([6, 6, 6, 6, 1])
    await limiter.set('ann', { used: 1000 })
    expect(await left('ann')).toEqual([0, 0, 0, 0, 1])
    await limiter.refund('ann', { cost: 15 })
    expect(await left('ann')).toEqual([5, 5, 5, 5, 1])
    await limiter.set('ann', { used: 0 })
    expect(await left('ann')).toEqual([10, 10, 10, 10, 1])
    for (const key of await keys()) expect(await bench.raw.pttl(key)).toBeGreaterThan(0)
    for (const wrong of [{ used: -1 }, { used: 1.5 }, {}])
      expect(await failure(limiter.set('ann', wrong as never))).toMatchObject({ option: 'used' })
  })
})

describe('a limiter that counts denied calls', () => {
  test('denies a subject until it pauses, and gives no slots for denied calls', async () => {
    const { limiter, clock, left } = await setUp(
      [
        { name: 'f', algorithm: 'sliding-log', limit: 2, window: '1m' },
        { name: 's', algorithm: 'concurrency', limit: 9, lease: '1h' },
      ],
      { countDenied: true },
    )
    const takes = async (): Promise<boolean> => (await limiter.take('ann')).allowed
    expect([await takes(), await takes(), await takes()]).toEqual([true, true, false])
    await clock.advance(59 * SECOND_US)
    expect(await limiter.take('ann')).toMatchObject({ allowed: false, violated: ['f'], retryAfterMs: 1000 })
    // Four tokens are the most that a subject can owe.
    expect(await limiter.take('ann')).toMatchObject({ allowed: false, retryAfterMs: 1000 })
    await clock.advance(SECOND_US)
    expect([await takes(), await takes()]).toEqual([true, false])
    expect(await left('ann')).toEqual([0, 6])
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

  test.each(['one rule', 'several rules'])(
    'that ends leaves a state no longer than the state needs, although tokens were charged during it: %s',
    async (how) => {
      const { limiter } = await setUp(how === 'one rule' ? [GCRA] : [GCRA, { ...GCRA, name: 's' }])
      await limiter.take('ann', { cost: 3 })
      await limiter.block('ann', { duration: 'forever', reason: 'x' })
      await limiter.penalty('ann', { cost: 7 })
      const [key] = (await keys()) as [string]
      expect(await bench.raw.pttl(key)).toBeGreaterThan(HOUR_US)
      expect(await limiter.take('ann', { cost: 0 })).toMatchObject({ blocked: { reason: 'x' } })
      await limiter.unblock('ann')
      expect(await bench.raw.pttl(key)).toBeLessThan(2 * 3_600_000 + 2000)
      await limiter.take('ann')
      expect(await bench.raw.pttl(key)).toBeLessThan(2 * 3_600_000 + 2000)
    },
  )

  test('of other options of the limiter is left out of the list, which can still be read', async () => {
    const rules = PER.slice(1, 2)
    const before = await setUp(rules)
    await before.limiter.block({ user: 'ann' }, { duration: 'forever', reason: 'x', per: 'user' })
    const { limiter } = await setUp(rules, { routeBy: 'tenant' })
    const subject = { tenant: 'acme', user: 'ben' }
    await limiter.block(subject, { duration: 'forever', reason: 'y', per: 'user' })
    expect(await limiter.blocks()).toMatchObject({ items: [{ subject, reason: 'y' }], next: undefined })
  })

  test('without an end lasts until it is ended, and is listed', async () => {
    const { limiter, clock } = await setUp(mixed)
    await limiter.take('ann')
    for (const subject of ['ann', 'bob', 'cleo', 'x'.repeat(100)])
      await limiter.block(subject, { duration: 'forever', reason: `because of ${subject[0]}` })
    await clock.advance(24 * 366 * HOUR_US)
    const blocked = { reason: 'because of a', endsInMs: Infinity }
    expect(await limiter.take('ann')).toMatchObject({ allowed: false, retryAfterMs: Infinity, blocked })
    expect(await limiter.wait('ann')).toMatchObject({ allowed: false, blocked })
    const first = await limiter.blocks({ limit: 3 })
    expect(first.items.map(({ subject }) => subject)).toEqual(['ann', 'bob', 'cleo'])
    const second = await limiter.blocks({ limit: 3, after: first.next as string })
    expect(second).toMatchObject({ items: [{ reason: 'because of x' }], next: undefined })
    expect(await limiter.unblock('ann')).toBe(true)
    await limiter.reset('bob')
    await limiter.block('cleo', { duration: '1m', reason: 'only for a while' })
    await clock.advance(60 * SECOND_US)
    expect((await limiter.blocks()).items.map(({ reason }) => reason)).toEqual(['because of x'])
    expect((await limiter.take('ann')).allowed).toBe(true)
  })

  test('without an end is listed also if calls that end or replace it run at the same time', async () => {
    const { limiter, clock } = await setUp([GCRA])
    const forever = { duration: 'forever', reason: 'fraud' } as const
    const timed = { duration: '1m', reason: 'only for a while' } as const
    const against: readonly ((subject: string) => Promise<unknown>)[] = [
      (subject) => limiter.unblock(subject),
      (subject) => limiter.reset(subject),
      (subject) => limiter.block(subject, forever),
      (subject) => limiter.block(subject, timed),
      (subject) => limiter.blocks().then(() => limiter.unblock(subject)),
    ]
    const subjects = against.flatMap((_, at) => [`new ${at}`, `old ${at}`])
    for (const [at, other] of against.entries()) {
      await limiter.block(`old ${at}`, forever)
      for (const subject of [`new ${at}`, `old ${at}`])
        await Promise.all([limiter.block(subject, forever), other(subject)])
    }
    await clock.advance(HOUR_US)
    const taken = await Promise.all(subjects.map((subject) => limiter.take(subject)))
    const blocked = subjects.filter((_, at) => taken[at]?.blocked !== undefined)
    expect(blocked.length).toBeGreaterThan(3)
    expect((await limiter.blocks()).items.map(({ subject }) => subject)).toEqual(blocked.toSorted())
    for (const subject of subjects) await limiter.unblock(subject)
    expect(await limiter.blocks()).toEqual({ items: [], next: undefined })
  })

  test('without an end is removed from the list when one with an end replaces it', async () => {
    const { limiter } = await setUp([GCRA])
    const list = 'pk1:{shop}:limit-blocks:api'
    for (const subject of ['ann', 'bob'])
      for (const reason of ['first', 'second']) await limiter.block(subject, { duration: 'forever', reason })
    expect(await bench.raw.zcard(list)).toBe(2)
    await limiter.penalty('bob')
    await limiter.block('ann', { duration: '1m', reason: 'only for a while' })
    expect((await limiter.blocks()).items).toEqual([{ subject: 'bob', per: undefined, reason: 'second' }])
    expect(await limiter.take('ann')).toMatchObject({ blocked: { reason: 'only for a while' } })
    // A process may have died before it blocked. Another may be about to block.
    const id = (Date.now() - 2 * 86_400_000) * 2048
    await bench.raw.zadd(list, 0, JSON.stringify({ subject: 'ann', id }))
    await bench.raw.zadd(list, 0, JSON.stringify({ subject: 'cleo', id: Date.now() * 2048 }))
    expect((await limiter.blocks()).items).toHaveLength(1)
    expect(await bench.raw.zcard(list)).toBe(2)
    await limiter.reset('bob')
    expect(await bench.raw.zcard(list)).toBe(1)
  })

  test('of a part without an end is listed with what ends it', async () => {
    const { limiter } = await setUp(PER, { routeBy: 'tenant' })
    const ann = { tenant: 'acme', user: 'ann', ip: '::1' }
    await limiter.block(ann, { duration: 'forever', reason: 'x', per: 'user' })
    const { items } = await limiter.blocks()
    expect(items).toEqual([{ subject: { tenant: 'acme', user: 'ann' }, per: 'user', reason: 'x' }])
    const [{ subject, per } = { subject: '', per: '' }] = items
    expect(await limiter.unblock(subject, { per: per as string })).toBe(true)
    expect((await limiter.blocks()).items).toEqual([])
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
