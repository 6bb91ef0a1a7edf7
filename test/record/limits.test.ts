import { createCounters, createRateLimiter, createStream, type LimiterRule, record } from '@penknife/core'
import { describe, expect, test } from 'vitest'

import { failure, openReady } from '../support/connect.ts'
import { keyspaceOfData } from '../support/keyspace.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const bench = useRedis()

async function shop(rules: readonly LimiterRule[]) {
  const space = (await openReady(pattern(bench.server.url))).space('shop')
  return {
    space,
    orders: createStream<number>(space, 'orders', { groups: ['billing'] }),
    stock: createCounters(space, 'stock', { initial: 100 }),
    limiter: createRateLimiter(space, 'api', { rules, place: 'space', deadline: '10s' }),
  }
}

/** An algorithm of each kind that needs no lease. */
const RULES: Readonly<Record<string, LimiterRule>> = {
  gcra: { name: 'r', algorithm: 'gcra', limit: 3, window: '1h' },
  'fixed window': { name: 'r', algorithm: 'fixed-window', limit: 3, window: '1h' },
  calendar: { name: 'r', algorithm: 'fixed-window', limit: 3, calendar: 'day', timeZone: 'UTC' },
  'sliding window': { name: 'r', algorithm: 'sliding-window', limit: 3, window: '1h' },
  'sliding log': { name: 'r', algorithm: 'sliding-log', limit: 3, window: '1h' },
}

describe.each(Object.entries(RULES))('a limit by %s', (_, rule) => {
  test('is charged with everything else, or nothing happens', async () => {
    const { space, orders, stock, limiter } = await shop([rule])
    const order = () => record(space, limiter.taking('ann', 2), orders.adding(1), stock.decrementing('a'))
    const first = await order()
    expect(first).toMatchObject({ ok: true, results: [{ allowed: true, rule: 'r', remaining: 1 }, {}, {}] })
    const was = await keyspaceOfData(bench.raw)
    const second = await order()
    expect(second).toMatchObject({
      ok: false,
      refused: [{ effect: 0, target: "limiter 'api'", reason: 'limit', rule: 'r', remaining: 1 }],
    })
    expect(await keyspaceOfData(bench.raw)).toEqual(was)
    // Another effect is refused: no token is taken.
    expect(await record(space, limiter.taking('ann'), stock.decrementing('a', 1000))).toMatchObject({
      ok: false,
    })
    expect(await limiter.take('ann', { cost: 0 })).toMatchObject({ remaining: 1 })
  })
})

test('the same tokens are taken by record and by take, and two effects on one subject are charged together', async () => {
  const { space, limiter } = await shop(
    [RULES['gcra'] as LimiterRule, RULES['sliding log'] as LimiterRule].map((rule, at) => ({
      ...rule,
      name: `r${at}`,
    })),
  )
  await limiter.take('ann')
  expect(
    await record(space, limiter.taking('ann'), limiter.taking('bob'), limiter.taking('ann')),
  ).toMatchObject({
    ok: true,
    results: [{ remaining: 0 }, { remaining: 2 }, { remaining: 0 }],
  })
  expect(await record(space, limiter.taking('bob', 2), limiter.taking('ann'))).toMatchObject({
    ok: false,
    refused: [{ effect: 1, violated: ['r0', 'r1'] }],
  })
  expect(await limiter.take('bob', { cost: 2 })).toMatchObject({ allowed: true })
  await limiter.block('bob', { duration: '1m', reason: 'fraud, twice' })
  expect(await record(space, limiter.taking('bob'))).toMatchObject({
    ok: false,
    refused: [{ reason: 'limit', blocked: { reason: 'fraud, twice' } }],
  })
  expect(await limiter.reset('ann')).toMatchObject({ found: true })
  expect(await record(space, limiter.taking('ann', 3))).toMatchObject({ ok: true })
})

test('effects that together cost one subject more than its burst are an error, and nothing is sent', async () => {
  const { space, limiter } = await shop([RULES['gcra'] as LimiterRule])
  const twice = (cost: number) => record(space, limiter.taking('ann', 2), limiter.taking('ann', cost))
  const wrong = { code: 'PENKNIFE_INVALID', message: expect.stringContaining('from 1 to 3') as string }
  for (let time = 0; time < 2; time++) expect(await failure(twice(2))).toMatchObject(wrong)
  expect(await limiter.take('ann', { cost: 0 })).toMatchObject({ remaining: 3 })
  expect(await record(space, limiter.taking('ann', 2), limiter.taking('bob', 2))).toMatchObject({ ok: true })
  await limiter.reset('ann')
  expect(await twice(1)).toMatchObject({ ok: true, results: [{ remaining: 0 }, {}] })
})

test('rules of several parts of a subject are charged by one script', async () => {
  const { space, limiter } = await shop([
    { name: 'user', algorithm: 'gcra', limit: 1, window: '1h', per: 'user' },
    { name: 'tenant', algorithm: 'sliding-log', limit: 2, window: '1h', per: 'tenant' },
  ])
  const subject = (user: string) => ({ user, tenant: 'acme' })
  expect(await record(space, limiter.taking(subject('ann')))).toMatchObject({ ok: true })
  expect(await record(space, limiter.taking(subject('ann')))).toMatchObject({
    refused: [{ violated: ['user'] }],
  })
  expect(await limiter.take(subject('bob'))).toMatchObject({ allowed: true })
  expect(await record(space, limiter.taking(subject('cem')))).toMatchObject({
    refused: [{ violated: ['tenant'] }],
  })
  expect(
    await failure(record(space, limiter.taking(subject('dee')), limiter.taking(subject('eva')))),
  ).toMatchObject({ code: 'PENKNIFE_INVALID', message: expect.stringContaining('two calls') as string })
})

test('a worker takes tokens with its commit', async () => {
  const { orders, limiter } = await shop([RULES['gcra'] as LimiterRule])
  await orders.add(1)
  const answers: unknown[] = []
  const worker = orders.worker('billing', async (delivery) => {
    answers.push(await delivery.commit(limiter.taking('ann', 3)))
  })
  await until('the commit', () => answers.length > 0)
  await worker.close()
  expect(answers).toMatchObject([{ ok: true, results: [{ remaining: 0 }] }])
})

test('a limiter whose tokens cannot be taken in the script of record is refused', async () => {
  const space = (await openReady(pattern(bench.server.url))).space('shop')
  const rules = [RULES['gcra'] as LimiterRule]
  expect(() => createRateLimiter(space, 'a', { rules }).taking('ann')).toThrow(/needs place: 'space'/)
  expect(() =>
    createRateLimiter(space, 'b', {
      rules: [{ name: 'exports', algorithm: 'concurrency', limit: 2, lease: '1m' }],
      place: 'space',
    }),
  ).toThrow(/rule 'exports' gives slots/)
  expect(() =>
    createRateLimiter(space, 'c', {
      rules: [{ name: 'user', algorithm: 'gcra', limit: 1, window: '1h', per: 'user' }],
      place: 'space',
      routeBy: 'user',
    }),
  ).toThrow(/leave it out/)
  const limiter = createRateLimiter(space, 'd', { rules, place: 'space' })
  expect(() => limiter.taking('')).toThrow(/subject/)
  expect(() => limiter.taking('ann', 0)).toThrow(/cost/)
  expect(() => limiter.taking('ann', 4)).toThrow(/cost/)
})
