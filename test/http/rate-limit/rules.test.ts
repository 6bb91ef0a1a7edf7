import type { LimiterRule } from '@penknife/core'
import { ipKey, type RateLimitOptions } from '@penknife/http'
import { rateLimitPlugin } from '@penknife/http/adapter'
import { call } from '@penknife/http/testkit'
import { describe, expect, test } from 'vitest'

import { frameworks } from '../frameworks.ts'
import { start, useFeatures } from '../setup.ts'

const features = useFeatures()

const plans: Readonly<Record<string, readonly LimiterRule[]>> = {
  free: [{ name: 'plan', limit: 2, window: '1h' }],
  pro: [{ name: 'plan', limit: 100, window: '1h' }],
}

describe.each(frameworks)('rules on $name', (adapter) => {
  const ask = (url: string, headers: Readonly<Record<string, string>> = {}) =>
    call(`${url}/items/7`, { headers })

  test('the rules of a request are those of its plan, and used tokens stay used', async () => {
    const options: RateLimitOptions = {
      key: (exchange) => exchange.header('x-user'),
      rules: async (exchange) => plans[exchange.header('x-plan') ?? ''],
    }
    const limiter = features.limiter({ rules: [{ name: 'plan', limit: 1, window: '1h' }] })
    const { url } = await start(adapter, [rateLimitPlugin.setup(limiter, options)])
    const free = { 'x-user': 'ann', 'x-plan': 'free' }
    expect((await ask(url, free)).headers['ratelimit-policy']).toBe('"plan";q=2;w=3600')
    expect((await ask(url, free)).status).toBe(200)
    expect((await ask(url, free)).status).toBe(429)
    const upgraded = await ask(url, { ...free, 'x-plan': 'pro' })
    expect([upgraded.status, upgraded.headers['ratelimit-policy']]).toEqual([200, '"plan";q=100;w=3600'])
    expect(upgraded.headers['ratelimit']).toMatch(/^"plan";r=97;/)
    const own = await ask(url, { 'x-user': 'ben' })
    expect(own.headers['ratelimit-policy']).toBe('"plan";q=1;w=3600')
  })

  test('a plan that allows nothing is a 429 without Retry-After', async () => {
    const closed: readonly LimiterRule[] = [{ name: 'plan', limit: 0, window: '1h' }]
    const { url } = await start(adapter, [rateLimitPlugin.setup(features.limiter(), { rules: () => closed })])
    const { status, headers, text } = await ask(url)
    expect([status, headers['retry-after'], headers['ratelimit']]).toEqual([429, undefined, '"plan";r=0'])
    expect(JSON.parse(text)).toMatchObject({ detail: 'This quota admits no request.' })
  })

  test('tenant, user and address each have a limit, and the answer names the one that denied', async () => {
    const limiter = features.limiter({
      rules: [
        { name: 'tenant', per: 'tenant', limit: 4, window: '1h' },
        { name: 'user', per: 'user', limit: 2, window: '1h' },
      ],
      routeBy: 'tenant',
    })
    const options: RateLimitOptions = {
      key: (exchange) => ({ tenant: exchange.header('x-tenant'), user: exchange.header('x-user') }),
    }
    const { url, errors } = await start(adapter, [rateLimitPlugin.setup(limiter, options)])
    const as = async (user: string) => {
      const { status, text } = await ask(url, { 'x-tenant': 'acme', 'x-user': user })
      return status === 200 ? 200 : (JSON.parse(text) as Record<string, unknown>)['violated-policies']
    }
    expect([await as('ann'), await as('ann'), await as('ann')]).toEqual([200, 200, ['user']])
    expect([await as('ben'), await as('{b}'), await as('cleo')]).toEqual([200, 200, ['tenant']])
    expect((await ask(url, { 'x-tenant': 'acme' })).status).toBe(500)
    expect(String(errors[0])).toMatch(/the part 'user' of the rateLimit key is undefined: .*401/)
  })

  test('a shadow rule is not shown to clients and denies nobody', async () => {
    const limiter = features.limiter({
      rules: [
        { name: 'real', limit: 5, window: '1h' },
        { name: 'candidate', limit: 1, window: '1h', shadow: true },
      ],
    })
    const { url } = await start(adapter, [rateLimitPlugin.setup(limiter)])
    await ask(url)
    const { status, headers } = await ask(url)
    expect([status, headers['ratelimit-policy']]).toEqual([200, '"real";q=5;w=3600'])
    expect(headers['ratelimit']).not.toMatch(/candidate/)
  })

  test('a calendar period has no length in the headers', async () => {
    const limiter = features.limiter({
      rules: [
        { name: 'month', algorithm: 'fixed-window', limit: 9, calendar: 'month', timeZone: 'Europe/Berlin' },
      ],
    })
    const { url } = await start(adapter, [rateLimitPlugin.setup(limiter)])
    const { headers } = await ask(url)
    expect(headers['ratelimit-policy']).toBe('"month";q=9')
    expect(headers['ratelimit']).toMatch(/^"month";r=8;t=\d+$/)
  })

  test('a ban is answered with its end, after the denials that led to it', async () => {
    const limiter = features.limiter({
      rules: [{ name: 'tries', limit: 1, window: '1h' }],
      ban: { denials: 2, within: '1m', duration: '2h' },
    })
    const { url } = await start(adapter, [rateLimitPlugin.setup(limiter)])
    expect((await ask(url)).status).toBe(200)
    expect((await ask(url)).text).toContain('Quota exceeded')
    for (let at = 0; at < 2; at++) {
      const { status, headers, text } = await ask(url)
      expect([status, headers['retry-after'], headers['ratelimit']]).toEqual([
        429,
        '7200',
        '"tries";r=0;t=7200',
      ])
      expect(text).toContain('abnormal-usage-detected')
    }
  })

  test('the answer to a blocked subject has the reason if the application enables it', async () => {
    const limiter = features.limiter()
    const { url } = await start(adapter, [
      rateLimitPlugin.setup(limiter, { skip: ({ path }) => path === '/items/open' }),
    ])
    const telling = await start(adapter, [rateLimitPlugin.setup(limiter, { tellReason: true })])
    await limiter.block(ipKey('::ffff:127.0.0.1'), { duration: '90s', reason: 'card testing' })
    const { status, headers, text } = await ask(url)
    expect([status, headers['retry-after'], headers['content-type']]).toEqual([
      429,
      '90',
      'application/problem+json',
    ])
    expect(text).not.toContain('card testing')
    expect(JSON.parse(text)).toMatchObject({
      type: 'https://iana.org/assignments/http-problem-types#abnormal-usage-detected',
    })
    expect(JSON.parse((await ask(telling.url)).text)).toMatchObject({ detail: 'card testing' })
    await limiter.unblock('127.0.0.1')
    expect((await ask(url)).status).toBe(200)
  })
})
