import { PenknifeError, type RateLimiter } from '@penknife/core'
import { PASS, type Handler, type RateLimitOptions } from '@penknife/http'
import { rateLimitPlugin } from '@penknife/http/adapter'
import { call } from '@penknife/http/testkit'
import { describe, expect, test } from 'vitest'

import { frameworks } from './frameworks.ts'
import { start, useFeatures } from './setup.ts'

const features = useFeatures()

const perUser: RateLimitOptions = { key: (exchange) => exchange.header('x-user') ?? 'nobody' }

describe.each(frameworks)('rateLimit on $name', (adapter) => {
  test('requests pass while there is quota, and the headers tell how much is left', async () => {
    const { url } = await start(adapter, [rateLimitPlugin.setup(features.limiter())])
    const { status, headers, text } = await call(`${url}/items/7`)
    expect([status, JSON.parse(text)]).toEqual([200, { id: '7' }])
    expect(headers['ratelimit-policy']).toBe('"burst";q=3;w=3600')
    expect(headers['ratelimit']).toMatch(/^"burst";r=2;t=1(199|200)$/)
    expect(headers['x-ratelimit-limit']).toBeUndefined()
    expect(headers['retry-after']).toBeUndefined()
  })

  test('over the limit the answer is 429 with Retry-After and a problem that names the rule', async () => {
    const { url, errors } = await start(adapter, [rateLimitPlugin.setup(features.limiter())])
    for (let nth = 1; nth <= 3; nth++) expect((await call(`${url}/items/7`)).status).toBe(200)
    const { status, headers, text } = await call(`${url}/items/7`)
    expect(status).toBe(429)
    expect(headers['content-type']).toBe('application/problem+json')
    expect(Number(headers['retry-after'])).toBeGreaterThan(1190)
    expect(headers['ratelimit']).toMatch(/^"burst";r=0;t=/)
    expect(JSON.parse(text)).toEqual({
      type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      title: 'Quota exceeded',
      status: 429,
      detail: `Too many requests. Try again in ${headers['retry-after']} seconds.`,
      'violated-policies': ['burst'],
    })
    expect(errors).toEqual([])
  })

  test('every rule is a member of the lists, and a second limiter adds its own', async () => {
    const two = features.limiter({
      name: 'two',
      rules: [
        { name: 'second', limit: 5, window: '1s' },
        { name: 'odd', limit: 50, window: '1500ms' },
      ],
    })
    const { url } = await start(adapter, [
      rateLimitPlugin.setup(two),
      rateLimitPlugin.setup(features.limiter()),
    ])
    const { headers } = await call(`${url}/items/7`)
    expect(headers['ratelimit-policy']).toBe('"second";q=5;w=1, "odd";q=50, "burst";q=3;w=3600')
    expect(headers['ratelimit']).toMatch(/^"second";r=4;t=1, "odd";r=49;t=1, "burst";r=2;t=1(199|200)$/)
  })

  test('legacy headers tell the binding rule, of several limiters the tightest', async () => {
    const wide = features.limiter({ name: 'wide', rules: [{ name: 'wide', limit: 100, window: '1m' }] })
    const { url } = await start(adapter, [
      rateLimitPlugin.setup(features.limiter(), { headers: 'legacy' }),
      rateLimitPlugin.setup(wide, { headers: 'both' }),
    ])
    const before = Date.now() / 1000
    const { headers } = await call(`${url}/items/7`)
    expect([headers['x-ratelimit-limit'], headers['x-ratelimit-remaining']]).toEqual(['3', '2'])
    expect(Math.abs(Number(headers['x-ratelimit-reset']) - before - 1200)).toBeLessThan(5)
    expect(headers['ratelimit-policy']).toBe('"wide";q=100;w=60')
  })

  test('clients are told apart by the key, and one cannot spend the quota of another', async () => {
    const { url } = await start(adapter, [rateLimitPlugin.setup(features.limiter(), perUser)])
    const statusOf = async (user: string): Promise<number> =>
      (await call(`${url}/items/7`, { headers: { 'x-user': user } })).status
    for (let nth = 1; nth <= 3; nth++) expect(await statusOf('ann')).toBe(200)
    expect([await statusOf('ann'), await statusOf('ben')]).toEqual([429, 200])
  })

  test('a key that a client made up is only a key: long, odd or full of braces', async () => {
    const { url, errors } = await start(adapter, [rateLimitPlugin.setup(features.limiter(), perUser)])
    for (const user of ['x'.repeat(8000), '{}', '}{a:b*?[', '\u00ff\u00fe', 'a\tb']) {
      const left = []
      for (let nth = 1; nth <= 2; nth++) {
        const { status, headers } = await call(`${url}/items/7`, { headers: { 'x-user': user } })
        left.push([status, /r=(\d)/.exec(String(headers['ratelimit']))?.[1]])
      }
      expect(left).toEqual([
        [200, '2'],
        [200, '1'],
      ])
    }
    expect(errors).toEqual([])
  })

  test('a request without a key is an error that says what to do, not a bucket shared by all', async () => {
    const { url, errors } = await start(adapter, [
      rateLimitPlugin.setup(features.limiter(), { key: () => '' }),
    ])
    expect((await call(url)).status).toBe(500)
    expect(errors[0]).toBeInstanceOf(PenknifeError)
    expect(String(errors[0])).toMatch(
      /rateLimit key is "": the key function must answer text that is not empty/,
    )
  })

  test('cost and skip are asked for each request', async () => {
    const options: RateLimitOptions = {
      cost: (exchange) => Number(exchange.query.get('cost') ?? 1),
      skip: (exchange) => exchange.path === '/items/free',
    }
    const { url } = await start(adapter, [rateLimitPlugin.setup(features.limiter(), options)])
    expect((await call(`${url}/items/7?cost=2`)).headers['ratelimit']).toMatch(/r=1/)
    expect((await call(`${url}/items/7?cost=2`)).status).toBe(429)
    expect((await call(`${url}/items/7?cost=1`)).status).toBe(200)
    const free = await call(`${url}/items/free`)
    expect([free.status, free.headers['ratelimit']]).toEqual([200, undefined])
  })

  test('onLimited makes the reply, which keeps Retry-After and the quota headers', async () => {
    const options: RateLimitOptions = {
      cost: 3,
      onLimited: (_exchange, { rule }) => ({ status: 420, headers: { 'x-rule': rule }, body: 'calm down' }),
    }
    const { url } = await start(adapter, [rateLimitPlugin.setup(features.limiter(), options)])
    await call(url)
    const { status, headers, text } = await call(url)
    expect([status, headers['x-rule'], text]).toEqual([420, 'burst', 'calm down'])
    expect([headers['retry-after'], headers['ratelimit']]).toEqual([expect.any(String), expect.any(String)])
  })

  test('what an outage decided is not told as a quota: open passes, closed is 503, throw is an error', async () => {
    const decided = (allowed: boolean): RateLimiter => ({
      ...features.limiter(),
      take: async () => ({
        allowed,
        rule: 'burst',
        remaining: 0,
        retryAfterMs: allowed ? 0 : 1,
        violated: [],
        rules: [],
        decidedBy: 'policy',
      }),
    })
    const lost = new PenknifeError('PENKNIFE_UNAVAILABLE', 'away')
    const throwing: RateLimiter = { ...features.limiter(), take: () => Promise.reject(lost) }
    const at =
      (path: string, handler: Handler): Handler =>
      (exchange) =>
        exchange.path === path ? handler(exchange) : PASS
    const { url, errors } = await start(adapter, [
      at('/items/open', rateLimitPlugin.setup(decided(true))),
      at('/items/closed', rateLimitPlugin.setup(decided(false))),
      at('/items/throw', rateLimitPlugin.setup(throwing)),
    ])
    const open = await call(`${url}/items/open`)
    expect([open.status, open.headers['ratelimit'], open.headers['ratelimit-policy']]).toEqual([
      200,
      undefined,
      '"burst";q=3;w=3600',
    ])
    const closed = await call(`${url}/items/closed`)
    expect([closed.status, closed.headers['retry-after']]).toEqual([503, '1'])
    expect((await call(`${url}/items/throw`)).status).toBe(500)
    expect(errors).toEqual([lost])
  })
})

test('wrong options are refused at set-up, with the nearest right one', () => {
  const refused =
    (options: object): (() => unknown) =>
    () =>
      rateLimitPlugin.setup(features.limiter(), options)
  expect(refused({ onLimit: () => {} })).toThrow(/did you mean 'onLimited'/)
  expect(refused({ headers: 'drafts' })).toThrow(/rateLimit headers is "drafts": give one of draft, legacy/)
  expect(refused({ cost: Number.NaN })).toThrow(/rateLimit cost is NaN/)
  expect(refused({ key: 'ip' })).toThrow(/rateLimit key is "ip": give a function/)
  expect(() => rateLimitPlugin.setup({} as RateLimiter)).toThrow(/createRateLimiter/)
})
