import {
  createRateLimiter,
  PenknifeError,
  type RateLimiter,
  type LimiterUnavailablePolicy,
} from '@penknife/core'
import { PASS, type Handler, type RateLimitOptions } from '@penknife/http'
import { rateLimitPlugin } from '@penknife/http/adapter'
import { call } from '@penknife/http/testkit'
import { Redis } from 'ioredis'
import { describe, expect, onTestFinished, test } from 'vitest'

import { frameworks } from '../frameworks.ts'
import { open, openReady } from '../../support/connect.ts'
import { ownRedis, pattern } from '../../support/redis.ts'
import { start, useFeatures } from '../setup.ts'

const features = useFeatures()

const perUser: RateLimitOptions = { key: (exchange) => exchange.header('x-user') ?? 'nobody' }

describe.each(frameworks)('rateLimit on $name', (adapter) => {
  test('requests pass while there is quota, and the headers contain the remaining quota', async () => {
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

  test('each key is a client of its own, and one cannot use the quota of another', async () => {
    const { url } = await start(adapter, [rateLimitPlugin.setup(features.limiter(), perUser)])
    const statusOf = async (user: string): Promise<number> =>
      (await call(`${url}/items/7`, { headers: { 'x-user': user } })).status
    for (let nth = 1; nth <= 3; nth++) expect(await statusOf('ann')).toBe(200)
    expect([await statusOf('ann'), await statusOf('ben')]).toEqual([429, 200])
  })

  test('a client may send any key: long, odd or full of braces', async () => {
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
      rateLimitPlugin.setup(features.limiter(), {
        key: (exchange) => exchange.header('x-user') ?? '',
      }),
    ])
    expect((await call(url)).status).toBe(500)
    expect(errors[0]).toBeInstanceOf(PenknifeError)
    expect(String(errors[0])).toMatch(
      /rateLimit key is "": the key function must return text that is not empty for every request: reject/,
    )
  })

  test('cost and skip are called for each request', async () => {
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

  test('without permission in Redis, and after close, the policy decides, and requests are not 500', async () => {
    const server = await ownRedis()
    const penknife = await openReady(pattern(server.socket))
    const under = (whenUnavailable: LimiterUnavailablePolicy): Handler => {
      const rules = [{ name: 'burst', limit: 3, window: '1h' }] as const
      const name = typeof whenUnavailable === 'string' ? whenUnavailable : 'local'
      const limit = rateLimitPlugin.setup(
        createRateLimiter(penknife.space('shop'), name, { rules, whenUnavailable, deadline: '2s' }),
      )
      return (exchange) => (exchange.path === `/items/${name}` ? limit(exchange) : PASS)
    }
    const policies = ['open', 'closed', 'throw', { local: { instances: 3 } }] as const
    const { url } = await start(adapter, policies.map(under))
    const statuses = async () => {
      const seen = []
      for (const name of ['open', 'closed', 'throw', 'local', 'local'])
        seen.push((await call(`${url}/items/${name}`)).status)
      return seen
    }
    const raw = new Redis(server.socket)
    onTestFinished(() => raw.disconnect())
    await raw.call('ACL', 'SETUSER', 'default', '-evalsha', '-eval')
    expect(await statuses()).toEqual([200, 503, 500, 200, 429])
    await penknife.close()
    expect(await statuses()).toEqual([200, 503, 500, 429, 429])
  })

  test('a decision in an outage has no quota headers: open passes, closed is 503, throw is an error', async () => {
    const server = await ownRedis()
    await server.kill()
    const penknife = open(pattern(server.socket))
    const inOutage = (whenUnavailable: Exclude<LimiterUnavailablePolicy, object>): Handler => {
      const rules = [{ name: 'burst', limit: 3, window: '1h' }] as const
      const options = { rules, whenUnavailable, deadline: 50 }
      const limit = rateLimitPlugin.setup(createRateLimiter(penknife.space('shop'), whenUnavailable, options))
      return (exchange) => (exchange.path === `/items/${whenUnavailable}` ? limit(exchange) : PASS)
    }
    const { url, errors } = await start(adapter, [inOutage('open'), inOutage('closed'), inOutage('throw')])

    const passed = await call(`${url}/items/open`)
    expect([passed.status, passed.headers['ratelimit']]).toEqual([200, undefined])
    expect(passed.headers['ratelimit-policy']).toBe('"burst";q=3;w=3600')
    const { status, headers, text } = await call(`${url}/items/closed`)
    expect([status, headers['ratelimit']]).toEqual([503, undefined])
    expect(Number(headers['retry-after'])).toBeGreaterThan(0)
    expect(JSON.parse(text)).toMatchObject({
      type: 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity',
      'violated-policies': ['burst'],
    })
    expect((await call(`${url}/items/throw`)).status).toBe(500)
    expect(errors).toMatchObject([{ code: 'PENKNIFE_UNAVAILABLE' }])
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
  for (const name of ['key', 'rules', 'skip', 'refundIf', 'onLimited']) {
    expect(refused({ [name]: 'ip' })).toThrow(`rateLimit ${name} is "ip": give a function`)
  }
  expect(() => rateLimitPlugin.setup(features.limiter(), null as never)).toThrow(/rateLimit options is null/)
  for (const name of [
    'key',
    'cost',
    'rules',
    'skip',
    'allow',
    'deny',
    'refundIf',
    'headers',
    'draft',
    'onLimited',
  ]) {
    expect(refused({ [name]: null })).toThrow(`${name} is null: give a value, or leave it out`)
  }
  expect(refused({ draft: 5 })).toThrow(/rateLimit draft is 5: give one of 6, 7, 11, next/)
  for (const ipv6Prefix of [0, 129, 1.5, '64']) expect(refused({ ipv6Prefix })).toThrow(/from 1 to 128/)
  expect(refused({ deny: '' as never })).toThrow(/rateLimit deny is ""/)
  expect(refused({ allow: Number.NaN as never })).toThrow(/rateLimit allow is NaN/)
  expect(refused({ deny: ['10.0.0.0/99'] })).toThrow(/an entry of rateLimit deny is "10.0.0.0\/99"/)
  expect(() => rateLimitPlugin.setup({} as RateLimiter)).toThrow(/createRateLimiter/)
})

test('a cost above every limit is refused at set-up, not at each request', () => {
  const limiter = features.limiter({
    rules: [
      { name: 'wide', limit: 100, window: '1h' },
      { name: 'narrow', limit: 100, window: '1h', burst: 5 },
      { name: 'watched', limit: 1, window: '1h', shadow: true },
      { name: 'at-once', algorithm: 'concurrency', limit: 2, lease: '1m' },
    ],
  })
  expect(() => rateLimitPlugin.setup(limiter, { cost: 50 })).toThrow(
    "rateLimit cost is 50: give at most 5, the burst of the rule 'narrow': no request could ever pass",
  )
  rateLimitPlugin.setup(limiter, { cost: 5 })
  // The rules of a request may allow more.
  rateLimitPlugin.setup(limiter, { cost: 50, rules: () => undefined })
})

test('options that have no effect beside others are refused at set-up, with the fix', () => {
  const refused =
    (options: RateLimitOptions): (() => unknown) =>
    () =>
      rateLimitPlugin.setup(features.limiter(), options)
  expect(refused({ key: () => 'x', ipv6Prefix: 56 })).toThrow(
    /ipv6Prefix is 56: .*call ipKey\(exchange.ip, prefix\)/,
  )
  expect(refused({ headers: 'legacy', draft: 7 })).toThrow(/draft is 7: leave it out: .*headers: 'legacy'/)
  expect(refused({ headers: 'none', draft: 11 })).toThrow(/draft is 11: leave it out/)
  expect(refused({ tellReason: true, onLimited: () => ({ status: 429 }) })).toThrow(
    /tellReason is true: leave it out/,
  )
  expect(refused({ refundIf: () => true, cost: 0 })).toThrow(/refundIf is a function: leave it out/)
})
