import {
  createRateLimiter,
  type LimiterBannedEvent,
  type LimiterBanOptions,
  type LimiterRule,
  type RateLimiter,
  record,
} from '@penknife/core'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { createClock } from '../support/clock.ts'
import { failure, openReady } from '../support/connect.ts'
import { pattern } from '../support/redis.ts'
import { cases } from '../support/until.ts'
import { createBanModel } from './ban-model.ts'
import { mistakes } from './model.ts'
import { GCRA, HOUR_US, PER, SECOND_US, useSubjects } from './subject-setup.ts'

const { bench, keys, setUp } = useSubjects()

const ONE: LimiterRule = { name: 'one', limit: 1, window: '1m', algorithm: 'fixed-window' }
const BAN: LimiterBanOptions = {
  denials: 3,
  within: '10s',
  duration: '1m',
  factor: 2,
  max: '3m',
  forgetAfter: '5m',
}

function eventsOf(limiter: RateLimiter): LimiterBannedEvent[] {
  const events: LimiterBannedEvent[] = []
  limiter.on((event) => void (event.kind === 'banned' && events.push(event)))
  return events
}

async function deny(limiter: RateLimiter, times: number): Promise<void> {
  for (let at = 0; at < times; at++) expect(await limiter.take('ann')).toMatchObject({ allowed: false })
}

describe('a ban', () => {
  test('begins with the last of so many denials, and grows until its longest', async () => {
    const { limiter, clock } = await setUp([ONE], { ban: BAN })
    const events = eventsOf(limiter)
    await limiter.take('ann')
    for (const [nth, seconds] of [60, 120, 180, 180].entries()) {
      if (nth > 0) await limiter.take('ann')
      expect((await limiter.take('ann')).blocked).toBeUndefined()
      expect((await limiter.take('ann')).blocked).toBeUndefined()
      const blocked = { reason: 'too many denied calls', endsInMs: seconds * 1000, ban: nth + 1 }
      expect(await limiter.take('ann')).toMatchObject({
        allowed: false,
        blocked,
        retryAfterMs: seconds * 1000,
      })
      expect(events.at(-1)).toMatchObject({ ...blocked, kind: 'banned', subject: 'ann', shadow: false })
      await clock.advance(seconds * SECOND_US - 1)
      // Calls that a ban denies neither count nor prolong it.
      await deny(limiter, 5)
      await clock.advance(1)
    }
    expect(events).toHaveLength(4)
    expect((await limiter.take('ann')).allowed).toBe(true)
  })

  test('is forgotten after a quiet time, and so are denials that came too slowly', async () => {
    const { limiter, clock } = await setUp([ONE], { ban: BAN })
    await limiter.take('ann')
    await deny(limiter, 3)
    await clock.advance((60 + 300) * SECOND_US)
    await limiter.take('ann')
    await deny(limiter, 2)
    await clock.advance(10 * SECOND_US)
    await deny(limiter, 2)
    expect(await limiter.take('ann')).toMatchObject({ blocked: { ban: 1, endsInMs: 60_000 } })
  })

  test('has a TTL until it is forgotten, and a reset forgets it', async () => {
    const { limiter } = await setUp([{ ...ONE, algorithm: 'sliding-log' }], { ban: BAN })
    await limiter.take('ann')
    await deny(limiter, 1)
    const state = async (): Promise<number> => {
      const all = (await keys()).filter((key) => !key.includes('limit-log'))
      expect(all).toHaveLength(1)
      return bench.raw.pttl(all[0] as string)
    }
    expect(Math.abs((await state()) - 10_000)).toBeLessThan(1000)
    await deny(limiter, 2)
    expect(Math.abs((await state()) - 360_000)).toBeLessThan(1000)
    expect(await limiter.unblock('ann')).toBe(true)
    await deny(limiter, 2)
    expect(await limiter.take('ann')).toMatchObject({ blocked: { ban: 2, endsInMs: 120_000 } })
    await limiter.reset('ann')
    await limiter.take('ann')
    await deny(limiter, 2)
    expect(await limiter.take('ann')).toMatchObject({ blocked: { ban: 1 } })
  })

  test('and its denials move with a clock that is set back', async () => {
    const { limiter, clock } = await setUp([GCRA], { ban: { ...BAN, shadow: true } })
    await limiter.take('ann', { cost: 10 })
    await deny(limiter, 1)
    await clock.advance(-HOUR_US)
    await deny(limiter, 1)
    await clock.advance(10 * SECOND_US)
    await deny(limiter, 2)
    expect((await limiter.take('ann', { cost: 0 })).shadowBan).toBeUndefined()
    expect(await limiter.take('ann')).toMatchObject({ shadowBan: { ban: 1 } })
    await clock.advance(-HOUR_US)
    expect(await limiter.take('ann')).toMatchObject({ shadowBan: { ban: 1, endsInMs: 60_000 } })
  })

  test('also denies in processes without the option and in record, and is repeated from memory', async () => {
    const { limiter } = await setUp([GCRA], { ban: BAN, denyCache: true, place: 'space' })
    await limiter.take('ann', { cost: 10 })
    // Denials that count are not repeated from memory.
    for (let at = 0; at < 2; at++) expect((await limiter.take('ann')).decidedBy).toBe('redis')
    await deny(limiter, 1)
    const blocked = { reason: 'too many denied calls', ban: 1 }
    expect(await limiter.take('ann')).toMatchObject({ decidedBy: 'cache', blocked })
    const other = (await openReady(pattern(bench.server.url))).space('shop')
    const plain = createRateLimiter(other, 'api', { rules: [GCRA], place: 'space', deadline: '5s' })
    expect(await plain.take('ann')).toMatchObject({ allowed: false, blocked })
    expect(await record(other, plain.taking('ann'))).toMatchObject({ ok: false, refused: [{ blocked }] })
  })

  test('falls on the part of a subject whose rule denied', async () => {
    const { limiter } = await setUp(PER, { ban: { ...BAN, denials: 2 }, routeBy: 'tenant' })
    const events = eventsOf(limiter)
    const ann = { tenant: 'acme', user: 'ann', ip: '::1' }
    await limiter.take(ann, { cost: 3 })
    await limiter.take(ann)
    expect(await limiter.take(ann)).toMatchObject({ allowed: false, blocked: { ban: 1 } })
    expect(events).toMatchObject([{ per: 'user', subject: ann }])
    expect((await limiter.take({ ...ann, user: 'bob' })).allowed).toBe(true)
    expect(await limiter.unblock(ann, { per: 'user' })).toBe(true)
  })

  test('in shadow is reported and denies nothing', async () => {
    const { limiter, clock } = await setUp([GCRA], { ban: { ...BAN, shadow: true, reason: 'greedy' } })
    const events = eventsOf(limiter)
    await limiter.take('ann', { cost: 10 })
    await deny(limiter, 2)
    const third = await limiter.take('ann')
    expect(third).toMatchObject({
      violated: ['r'],
      shadowBan: { reason: 'greedy', ban: 1, endsInMs: 60_000 },
    })
    expect(third.blocked).toBeUndefined()
    await deny(limiter, 5)
    expect(events).toMatchObject([{ shadow: true, ban: 1 }])
    await limiter.refund('ann', { cost: 10 })
    await clock.advance(50 * SECOND_US)
    expect(await limiter.take('ann')).toMatchObject({ allowed: true, shadowBan: { endsInMs: 10_000 } })
    await clock.advance(10 * SECOND_US)
    expect((await limiter.take('ann')).shadowBan).toBeUndefined()
  })

  test.each([
    [{ ...BAN, denials: 0 }, 'ban.denials'],
    [{ ...BAN, factor: 0.5 }, 'ban.factor'],
    [{ ...BAN, max: '30s' }, 'ban.max'],
    [{ ...BAN, reason: 'a\0b' }, 'ban.reason'],
    [{ ...BAN, shadow: 1 }, 'ban.shadow'],
    [{ ...BAN, time: '1s' }, "ban option 'time'"],
  ])('refuses %j', async (ban, option) => {
    expect(await failure(setUp([ONE], { ban: ban as never }))).toMatchObject({ option })
  })
})

test('every ban is the one that plain counting gives, on any rules and under a clock that is set back', async () => {
  const seen = { begun: 0, banned: 0, allowed: 0 }
  const rules: readonly LimiterRule[] = [
    { name: 'burst', limit: 2, window: 60_000 },
    { name: 'log', limit: 3, window: 90_000, algorithm: 'sliding-log' },
    { name: 'trial', limit: 1, window: 60_000, algorithm: 'fixed-window', shadow: true },
  ]
  const seconds = (min: number, max: number): fc.Arbitrary<number> =>
    fc.integer({ min: min * SECOND_US, max: max * SECOND_US })
  const step = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        take: fc.array(fc.constantFrom('ann', 'bob'), { minLength: 1, maxLength: 5 }),
        cost: fc.integer({ min: 0, max: 2 }),
      }),
    },
    { weight: 4, arbitrary: fc.record({ us: fc.oneof(seconds(-30, 0), seconds(0, 10), seconds(0, 60)) }) },
    { weight: 1, arbitrary: fc.record({ unblock: fc.constantFrom('ann', 'bob') }) },
    { weight: 1, arbitrary: fc.record({ reset: fc.constantFrom('ann', 'bob') }) },
  )
  const options = fc.record({
    denials: fc.integer({ min: 1, max: 4 }),
    within: fc.integer({ min: 1000, max: 20_000 }),
    duration: fc.integer({ min: 1000, max: 20_000 }),
    factor: fc.constantFrom(1, 1.5, 3),
    max: fc.integer({ min: 20_000, max: 60_000 }),
    forgetAfter: fc.integer({ min: 1000, max: 60_000 }),
    shadow: fc.boolean(),
  })
  let runs = 0
  const space = (await openReady(pattern(bench.server.url))).space('shop')
  const clock = createClock(bench.raw)
  const property = fc.asyncProperty(
    options,
    fc.array(step, { minLength: 10, maxLength: 40 }),
    async (ban, run) => {
      await bench.raw.flushall()
      await clock.set(1_800_000_000_000_000)
      const limiter = createRateLimiter(space, `api-${++runs}`, {
        rules,
        ban,
        deadline: '5s',
        denyCache: false,
      })
      const model = createBanModel(rules, ban)
      for (const next of run) {
        if ('us' in next) {
          if (next.us >= 0 || model.isWhole(clock.now)) await clock.advance(next.us)
        } else if ('unblock' in next) {
          // Without a block it would delete a full state, which counts again under a clock that is set back.
          if (!model.isBlocked(next.unblock, clock.now)) continue
          expect(await limiter.unblock(next.unblock)).toBe(model.unblock(next.unblock, clock.now))
        } else if ('reset' in next) {
          const found = await limiter.reset(next.reset)
          expect(found.blocks.map(({ ban: nth, endsInMs }) => ({ ban: nth, endsInMs }))).toEqual(
            model.blocks(next.reset, clock.now),
          )
          model.reset(next.reset)
        } else {
          const decisions = await Promise.all(
            next.take.map((each) => limiter.take(each, { cost: next.cost })),
          )
          for (const [at, subject] of next.take.entries()) {
            const decision = decisions[at]!
            const { expected, blocked, shadowBan } = model.take(subject, next.cost, clock.now)
            expect(
              decision.blocked && { ban: decision.blocked.ban, endsInMs: decision.blocked.endsInMs },
            ).toEqual(blocked)
            expect(decision.shadowBan?.ban).toBe(shadowBan)
            if (!blocked) expect(mistakes(expected, decision)).toEqual([])
            seen.begun += Number(decision.blocked?.endsInMs === decision.retryAfterMs && next.cost > 0)
            seen.banned += Number(blocked !== undefined)
            seen.allowed += Number(decision.allowed)
          }
          for (const key of await keys()) {
            expect(await bench.raw.pttl(key), `${key} has no TTL`).toBeGreaterThan(0)
            await bench.raw.pexpire(key, 100_000_000)
          }
        }
      }
    },
  )
  await fc.assert(property, cases(35, 2000))
  expect(Math.min(seen.begun, seen.banned, seen.allowed)).toBeGreaterThan(20)
}, 120_000)
