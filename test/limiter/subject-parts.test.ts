import type { LimiterRule } from '@penknife/core'
import { describe, expect, test } from 'vitest'

import { failure } from '../support/connect.ts'
import { callsOf } from '../support/redis.ts'
import { GCRA, PER, useSubjects } from './subject-setup.ts'

const { bench, keys, setUp } = useSubjects()

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
