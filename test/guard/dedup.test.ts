import { createDeduper, type Deduper, type DeduperOptions } from '@penknife/core'
import * as fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'

import { type Clock, createClock, useSettableClock } from '../support/clock.ts'
import { failure, openReady } from '../support/connect.ts'
import { callsOf, pattern, useRedis } from '../support/redis.ts'
import { cases } from '../support/until.ts'

useSettableClock()

const bench = useRedis()
const START_US = 1_800_000_000_000_000

let clock: Clock
beforeEach(async () => {
  clock = createClock(bench.raw)
  await clock.set(START_US)
})

async function open(options: Partial<DeduperOptions> = {}): Promise<Deduper> {
  const penknife = await openReady(pattern(bench.server.url))
  return createDeduper(penknife.space('shop'), 'mails', { window: '1m', ...options })
}

describe.each(['spread', 'space'] as const)('a deduper with place %s', (place) => {
  test('says of each id once that it is new, until its window is over', async () => {
    const mails = await open({ place })
    expect(await mails.claim('a')).toBe(true)
    await clock.advance(59_000_000)
    expect(await mails.claim('a')).toBe(false)
    await clock.advance(1_000_000)
    expect(await mails.claim('a')).toBe(true)
    expect(await mails.claim('a')).toBe(false)
  })

  test('takes many ids in one call, also ones that repeat', async () => {
    const mails = await open({ place })
    await mails.claim('b')
    expect(await mails.claimMany(['a', 'b', 'c', 'a'])).toEqual([true, false, true, false])
    expect(await mails.claimMany([])).toEqual([])
    const ids = Array.from({ length: 1000 }, (_, at) => `id-${at}`)
    expect((await mails.claimMany(ids)).every(Boolean)).toBe(true)
    expect((await mails.claimMany(ids)).some(Boolean)).toBe(false)
  })

  test('knows an id of any length, and forgets one', async () => {
    const mails = await open({ place })
    const long = 'x'.repeat(500)
    expect(await mails.claimMany([long, `${long}y`])).toEqual([true, true])
    expect(await mails.claim(long)).toBe(false)
    expect([await mails.forget(long), await mails.forget(long)]).toEqual([true, false])
    expect(await mails.claim(long)).toBe(true)
  })
})

test('its memory is bounded: above maxIds the oldest are forgotten, and all of it expires', async () => {
  const mails = await open({ place: 'space', maxIds: 1000 })
  for (let from = 0; from < 3000; from += 50) {
    await clock.advance(1000)
    await mails.claimMany(Array.from({ length: 50 }, (_, at) => `id-${from + at}`))
  }
  const key = 'pk1:{shop}:seen:mails'
  expect(await bench.raw.zcard(key)).toBeLessThanOrEqual(1000 + 64)
  expect(await mails.claim('id-2999')).toBe(false)
  expect(await mails.claim('id-0')).toBe(true)
  expect(await bench.raw.pttl(key)).toBeGreaterThan(0)
})

test('ids of one tick travel in one command for each shard', async () => {
  const mails = await open({ place: 'space' })
  await mails.claim('first')
  await bench.raw.config('RESETSTAT')
  await Promise.all(Array.from({ length: 100 }, (_, at) => mails.claim(`id-${at % 60}`)))
  expect(await callsOf(bench.raw, 'evalsha')).toBe(1)
})

test('of all calls with an id within the window one learns that it is new, as in a plain map', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const ids = fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { minLength: 1, maxLength: 5 })
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('one' as const), ids }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('all' as const), ids }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('clock' as const), ms: fc.nat({ max: 40_000 }) }) },
  )
  const property = fc.asyncProperty(
    fc.constantFrom('spread' as const, 'space' as const),
    fc.array(step, { minLength: 3, maxLength: 30 }),
    async (place, steps) => {
      await bench.raw.flushall()
      await clock.set(START_US)
      const mails = createDeduper(penknife.space('shop'), 'mails', { window: '1m', place })
      const seen = new Map<string, number>()
      const expected = (id: string): boolean => {
        const at = seen.get(id)
        if (at !== undefined && clock.now - at < 60_000_000) return false
        seen.set(id, clock.now)
        return true
      }
      for (const next of steps) {
        if (next.kind === 'clock') await clock.advance(next.ms * 1000)
        else {
          const answers =
            next.kind === 'all'
              ? await mails.claimMany(next.ids)
              : await Promise.all(next.ids.map((id) => mails.claim(id)))
          expect(answers).toEqual(next.ids.map(expected))
        }
      }
    },
  )
  await fc.assert(property, cases(35, 1000))
}, 120_000)

test('wrong options and ids are refused', async () => {
  expect((await failure(open({ window: '10ms' }))).option).toBe('window')
  expect((await failure(open({ place: 'here' as 'space' }))).option).toBe('place')
  const mails = await open()
  expect((await failure(mails.claim('a\nb'))).code).toBe('PENKNIFE_INVALID')
  expect((await failure(mails.claimMany(['a', '']))).code).toBe('PENKNIFE_INVALID')
})
