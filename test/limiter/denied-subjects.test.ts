import { PassThrough } from 'node:stream'

import { runCli } from '@penknife/cli'
import {
  createRateLimiter,
  inspect,
  type InspectedDenied,
  type Penknife,
  type RateLimiterOptions,
  record,
} from '@penknife/core'
import { expect, test } from 'vitest'

import { openReady } from '../support/connect.ts'
import { useRedis } from '../support/redis.ts'

const bench = useRedis()
// Longer than any test, however busy the machine.
const rules = [{ name: 'minute', limit: 1, window: '1h' }] as const

/** Runs a process that uses a limiter, and ends. */
async function process(
  options: Partial<RateLimiterOptions>,
  use: (limiter: ReturnType<typeof createRateLimiter>, app: Penknife) => Promise<unknown>,
): Promise<void> {
  const app = await openReady(bench.raw, { deadline: '30s' })
  await use(createRateLimiter(app.space('shop'), 'api', { rules, deadline: '30s', ...options }), app)
  await app.space('shop').runtime.registered()
  await app.close()
}

async function denied(): Promise<InspectedDenied> {
  const tool = await openReady(bench.raw, { deadline: '30s' })
  return inspect(tool).deniedSubjects('shop', 'api')
}

async function deniedKeys(): Promise<string[]> {
  return bench.raw.keys('pk1:{shop}:limit-denied:*')
}

test('the denials of all processes add up, by subject and rule, whatever decided: Redis, the deny cache, or an effect of record', async () => {
  await process({ denyCache: { staleness: '1h' } }, async (limiter) => {
    for (let at = 0; at < 4; at++) await limiter.take('ann')
    expect(limiter.takeNow('ann')?.decidedBy).toBe('cache')
    await limiter.block('eve', { duration: '1h', reason: 'fraud' })
    await limiter.take('eve')
  })
  await process({ denyCache: false }, async (limiter) => {
    for (let at = 0; at < 3; at++) await limiter.take('ann')
  })
  const found = await denied()
  expect(found).toMatchObject({ space: 'shop', limiter: 'api', atMostMissing: 0 })
  expect(found.items).toMatchObject([
    // Three by Redis or the cache, one by takeNow; then three by the second process.
    { subject: 'ann', rule: 'minute', count: 7 },
    { subject: 'eve', rule: undefined, count: 1 },
  ])
  await process({ place: 'space' }, async (limiter, app) => {
    const shop = app.space('shop')
    for (let at = 0; at < 2; at++) await record(shop, limiter.taking('bob'))
  })
  expect((await denied()).items.find(({ subject }) => subject === 'bob')).toMatchObject({ count: 1 })
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
  const args = ['--redis', bench.server.socket, '--deadline', '30s', 'limits', 'denied', 'api']
  expect(await runCli(args, { stdin, stdout, stderr, env: {} })).toBe(0)
  // The age of the minute in which it was denied: over a minute when one ends during the test.
  expect(String(stdout.read())).toMatch(/^DENIED +SUBJECT +RULE +LAST\n +7 +ann +minute +\d+(ms|s|m) /)
})

test('shadow rules and a call that passes count nothing; parts of a subject and leases count as any', async () => {
  await process({ rules: [...rules, { name: 'try', limit: 1, window: '1m', shadow: true }] }, (limiter) =>
    limiter.take('ann'),
  )
  await process(
    {
      rules: [
        { name: 'open', limit: 9, window: '1m' },
        { ...rules[0], shadow: true },
      ],
    },
    (limiter) => Promise.all([limiter.take('bob'), limiter.take('bob')]),
  )
  expect(await deniedKeys()).toEqual([])
  const parts = { tenant: 'acme', user: 'ann', request: 'not a part' }
  const byParts = [
    { name: 'user', limit: 1, window: '1m', per: 'user' },
    { name: 'tenant', limit: 9, window: '1m', per: 'tenant' },
  ] as const
  await process({ rules: byParts, routeBy: 'tenant' }, async (limiter) => {
    for (let at = 0; at < 3; at++) await limiter.take({ ...parts, request: `${at}` })
  })
  await process(
    { rules: [{ name: 'leased', limit: 5, window: '1h' }], lease: { tokens: 2 } },
    async (limiter) => {
      for (let at = 0; at < 9; at++) await limiter.take('leased')
    },
  )
  expect((await denied()).items).toMatchObject([
    { subject: 'leased', rule: 'leased', count: 4 },
    { subject: { user: 'ann', tenant: 'acme' }, rule: 'user', count: 2 },
  ])
})

test('with reportDenied: false no key is written; otherwise a minute has 100 members at most, and says what it lacks', async () => {
  await process({ reportDenied: false }, async (limiter) => {
    for (let at = 0; at < 3; at++) await limiter.take('ann')
  })
  expect(await deniedKeys()).toEqual([])
  for (let nth = 0; nth < 2; nth++) {
    await process({ denyCache: false }, async (limiter) => {
      const subjects = Array.from({ length: 80 }, (_, at) => `${nth} ${at}`)
      // Each has one token; the first ten of them are denied twice.
      for (const each of [subjects, subjects, subjects.slice(0, 10)])
        await Promise.all(each.map((subject) => limiter.take(subject)))
    })
  }
  const stored = await deniedKeys()
  for (const key of stored) {
    expect(await bench.raw.zcard(key)).toBeLessThanOrEqual(101)
    expect(await bench.raw.pttl(key)).toBeGreaterThan(300_000)
  }
  const found = await denied()
  expect(found.items.slice(0, 20).map(({ count }) => count)).toEqual(Array.from({ length: 20 }, () => 2))
  // Where both were counted in one minute, those with one denial are removed.
  expect(found.atMostMissing).toBe(stored.length === 1 ? 1 : 0)
})

test('a key of another program under that name makes nobody fail', async () => {
  const minute = Math.floor(Date.now() / 60_000)
  for (const at of [minute, minute + 1]) await bench.raw.set(`pk1:{shop}:limit-denied:api:${at}`, 'x')
  await process({}, async (limiter) => {
    await limiter.take('ann')
    expect((await limiter.take('ann')).allowed).toBe(false)
  })
  await bench.raw.del(await deniedKeys())
  await bench.raw.zadd(
    `pk1:{shop}:limit-denied:api:${minute}`,
    5,
    'minute {"a"',
    4,
    'minute',
    3,
    'minute {"a":1}',
    2,
    'm b',
  )
  expect((await denied()).items).toMatchObject([{ subject: 'b', rule: 'm', count: 2 }])
})
