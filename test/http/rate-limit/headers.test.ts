import type { RateLimiter } from '@penknife/core'
import type { RateLimitOptions } from '@penknife/http'
import { rateLimitPlugin } from '@penknife/http/adapter'
import { call } from '@penknife/http/testkit'
import { describe, expect, test } from 'vitest'

import { nextTurn } from '../../support/until.ts'
import { warningsOf } from '../../support/warnings.ts'
import { frameworks } from '../frameworks.ts'
import { start, useFeatures } from '../setup.ts'

const features = useFeatures()
const twice = warningsOf('PENKNIFE_CHARGED_TWICE')

const wide = (): ReturnType<typeof features.limiter> =>
  features.limiter({ name: 'wide', rules: [{ name: 'wide', limit: 100, window: '1m' }] })

describe.each(frameworks)('the headers of rateLimit on $name', (adapter) => {
  const headersOf = async (...options: readonly RateLimitOptions[]) => {
    const limiters = [features.limiter(), wide()]
    const { url } = await start(
      adapter,
      options.map((each, at) => rateLimitPlugin.setup(limiters[at] as (typeof limiters)[0], each)),
    )
    return (await call(`${url}/items/7`)).headers
  }

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

  test('rules with the same name in several limiters have different names in the headers and in the problem', async () => {
    const minute = (name: string, limit: number) =>
      features.limiter({ name, rules: [{ name: 'minute', limit, window: '1h' }] })
    const third = features.limiter({
      name: 'third',
      rules: [
        { name: 'login.minute', limit: 9, window: '1h' },
        { name: 'minute', limit: 1, window: '1h' },
      ],
    })
    const { url } = await start(adapter, [
      rateLimitPlugin.setup(minute('api', 5)),
      rateLimitPlugin.setup(minute('login', 7)),
      rateLimitPlugin.setup(third),
    ])
    const first = await call(`${url}/items/7`)
    expect(first.headers['ratelimit-policy']).toBe(
      '"minute";q=5;w=3600, "login.minute";q=7;w=3600, "third.login.minute";q=9;w=3600, "third.minute";q=1;w=3600',
    )
    expect(String(first.headers['ratelimit']).replaceAll(/;t=\d+/g, '')).toBe(
      '"minute";r=4, "login.minute";r=6, "third.login.minute";r=8, "third.minute";r=0',
    )
    const denied = await call(`${url}/items/7`)
    expect(denied.status).toBe(429)
    expect(JSON.parse(denied.text)).toMatchObject({ 'violated-policies': ['third.minute'] })
  })

  test('the same limiter twice in one request has two names too, and is warned about once', async () => {
    const before = twice.length
    const limiter = wide()
    const { url } = await start(adapter, [rateLimitPlugin.setup(limiter), rateLimitPlugin.setup(limiter)])
    await call(`${url}/items/7`)
    const { headers } = await call(`${url}/items/7`)
    expect(headers['ratelimit-policy']).toBe('"wide";q=100;w=60, "wide.wide";q=100;w=60')
    await nextTurn()
    expect(twice.length - before).toBe(before === 0 ? 1 : 0)
    expect(twice[0]).toMatch(/limiter 'wide' charged one request twice for the same subject, .*Mount it once/)
  })

  test('a limiter that charges one request to two subjects, or charges nothing, is not warned about', async () => {
    const limiter = features.limiter({ name: `layers-${adapter.name.replaceAll(/\W/g, '')}` })
    const before = twice.length
    const { url } = await start(adapter, [
      rateLimitPlugin.setup(limiter),
      rateLimitPlugin.setup(limiter, { key: () => 'account' }),
      rateLimitPlugin.setup(limiter, { cost: 0 }),
    ])
    expect((await call(`${url}/items/7`)).status).toBe(200)
    await nextTurn()
    expect(twice.length).toBe(before)
  })

  test('the draft after 11 has the available quota, its window and the cost', async () => {
    const headers = await headersOf({ draft: 'next', cost: 2 }, { draft: 'next' })
    expect(headers['ratelimit-policy']).toBe('"burst";q=3;w=3600, "wide";q=100;w=60')
    expect(headers['ratelimit']).toMatch(/^"burst";a=1;w=1(199|200);c=2, "wide";a=99;w=1;c=1$/)
  })

  test('draft 7 has room for one rule: of several limiters the tightest', async () => {
    const headers = await headersOf({ draft: 7 }, { draft: 7 })
    expect(headers['ratelimit-policy']).toBe('3;w=3600, 100;w=60')
    expect(headers['ratelimit']).toMatch(/^limit=3, remaining=2, reset=1(199|200)$/)
  })

  test('draft 6 has a field for each figure', async () => {
    const headers = await headersOf({ draft: 6 }, { draft: 6 })
    expect(headers['ratelimit-policy']).toBe('3;w=3600, 100;w=60')
    expect([headers['ratelimit-limit'], headers['ratelimit-remaining']]).toEqual(['3', '2'])
    expect(Number(headers['ratelimit-reset'])).toBeGreaterThan(1190)
    expect(headers['ratelimit']).toBeUndefined()
  })

  test('legacy headers contain the binding rule, of several limiters the tightest one', async () => {
    const before = Date.now() / 1000
    const headers = await headersOf({ headers: 'legacy' }, { headers: 'both' })
    expect([headers['x-ratelimit-limit'], headers['x-ratelimit-remaining']]).toEqual(['3', '2'])
    expect(Math.abs(Number(headers['x-ratelimit-reset']) - before - 1200)).toBeLessThan(5)
    expect(headers['ratelimit-policy']).toBe('"wide";q=100;w=60')
  })

  test('none writes no headers except Retry-After', async () => {
    const { url } = await start(adapter, [
      rateLimitPlugin.setup(features.limiter(), { headers: 'none', cost: 3 }),
    ])
    await call(url)
    const { status, headers } = await call(url)
    expect([status, headers['retry-after']]).toEqual([429, expect.any(String)])
    expect(Object.keys(headers).filter((name) => name.includes('ratelimit'))).toEqual([])
  })

  test('a limit that no time refills has neither Retry-After nor a time in any form of the headers', async () => {
    const limiter = features.limiter()
    const never: RateLimiter = {
      ...limiter,
      async take(subject, options) {
        const decision = await limiter.take(subject, options)
        const rules = decision.rules.map((rule) => ({
          ...rule,
          limit: 0,
          remaining: 0,
          nextMs: Infinity,
          resetMs: Infinity,
        }))
        return { ...decision, allowed: false, violated: ['burst'], retryAfterMs: Infinity, rules }
      },
    }
    const reported = async (options: RateLimitOptions) => {
      const { url } = await start(adapter, [rateLimitPlugin.setup(never, options)])
      const { status, headers, text } = await call(`${url}/items/7`)
      expect([status, headers['retry-after']]).toEqual([429, undefined])
      expect(JSON.parse(text)).toMatchObject({
        detail: 'This quota admits no request.',
        'violated-policies': ['burst'],
      })
      const fields = Object.entries(headers).filter(([name]) => name.includes('ratelimit'))
      expect(String(fields)).not.toMatch(/Infinity|NaN|null/)
      return Object.fromEntries(fields)
    }
    expect(await reported({})).toEqual({ 'ratelimit-policy': '"burst";q=0;w=3600', ratelimit: '"burst";r=0' })
    expect(await reported({ draft: 'next' })).toMatchObject({ ratelimit: '"burst";a=0;c=1' })
    expect(await reported({ draft: 7 })).toMatchObject({ ratelimit: 'limit=0, remaining=0' })
    expect(await reported({ draft: 6 })).not.toHaveProperty('ratelimit-reset')
    expect(await reported({ headers: 'legacy' })).toEqual({
      'x-ratelimit-limit': '0',
      'x-ratelimit-remaining': '0',
    })
  })

  test('Retry-After is never too short: a client that waits for so long passes', async () => {
    const limiter = features.limiter({ rules: [{ name: 'odd', limit: 1, window: '9999ms' }] })
    const { url } = await start(adapter, [rateLimitPlugin.setup(limiter)])
    expect((await call(`${url}/items/7`)).status).toBe(200)
    const { status, headers } = await call(`${url}/items/7`)
    expect(status).toBe(429)
    // Some of the 9,999 ms are over. Rounded down the header would be 9, which is too short.
    const subject = '127.0.0.1'
    const { retryAfterMs } = await limiter.take(subject)
    expect(Number(headers['retry-after']) * 1000).toBeGreaterThanOrEqual(retryAfterMs)
    expect(headers['ratelimit']).toBe(`"odd";r=0;t=${headers['retry-after']}`)
  })
})
