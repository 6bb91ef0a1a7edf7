import { createServer } from 'node:http'
import { BlockList } from 'node:net'

import { PenknifeError } from '@penknife/core'
import { rateLimit as forExpress, requestLog as logInExpress } from '@penknife/express'
import { type Answer, type Handler, PASS, type RateLimitOptions, type RequestEntry } from '@penknife/http'
import { rateLimitPlugin } from '@penknife/http/adapter'
import { begin, call, type RunningServer } from '@penknife/http/testkit'
import { rateLimit as forKoa, requestLog as logInKoa } from '@penknife/koa'
import express from 'express'
import Koa from 'koa'
import supertest from 'supertest'
import { describe, expect, test } from 'vitest'

import { deferred } from '../../support/deferred.ts'
import { sendAndReset } from '../../support/reset.ts'
import { nextTurn, until } from '../../support/until.ts'
import { warningsOf } from '../../support/warnings.ts'
import { connected, frameworks } from '../frameworks.ts'
import { start, useFeatures } from '../setup.ts'

const features = useFeatures()

/** What is left of a limit of 3 after one more request; undefined when it was not counted. */
async function left({ url }: RunningServer, headers: Readonly<Record<string, string>> = {}) {
  const answer = await call(`${url}/items/7`, { headers })
  return answer.status === 200 ? /r=(\d)/.exec(String(answer.headers['ratelimit']))?.[1] : answer.status
}

const untrusted = warningsOf('PENKNIFE_UNTRUSTED_PROXY')

describe.each(frameworks)('the client of a request on $name', (adapter) => {
  test('no header of a client changes its key', async () => {
    const server = await start(adapter, [rateLimitPlugin.setup(features.limiter())])
    const forged = ['203.0.113.1', '10.0.0.1', '127.0.0.1']
    const counts = []
    for (const ip of forged) {
      counts.push(
        await left(server, {
          'x-forwarded-for': ip,
          forwarded: `for=${ip}`,
          'x-real-ip': ip,
          'x-client-ip': ip,
          'cf-connecting-ip': ip,
          'true-client-ip': ip,
          'x-forwarded-host': ip,
          'x-original-url': `/${ip}`,
          'x-http-method-override': 'HEAD',
          ratelimit: '"burst";r=3;t=0',
          'ratelimit-policy': '"burst";q=1000;w=1',
          'x-ratelimit-remaining': '3',
        }),
      )
    }
    expect(counts).toEqual(['2', '1', '0'])
    expect(await left(server)).toBe(429)
  })

  test.runIf(adapter.knowsProxies)(
    'behind one trusted proxy the client is the address that the proxy saw, whatever the client sends',
    async () => {
      const server = await start(adapter, [rateLimitPlugin.setup(features.limiter())], { trustProxy: true })
      const seen = (ip: string, claimed: string) => left(server, { 'x-forwarded-for': `${claimed}, ${ip}` })
      expect(await seen('203.0.113.9', '1.1.1.1')).toBe('2')
      expect(await seen('203.0.113.9', '2.2.2.2, 3.3.3.3')).toBe('1')
      expect(await seen('203.0.113.10', '1.1.1.1')).toBe('2')
    },
  )

  test.runIf(adapter.knowsProxies)('IPv6 counts by its network, mapped IPv4 as IPv4', async () => {
    const server = await start(
      adapter,
      [
        rateLimitPlugin.setup(features.limiter()),
        rateLimitPlugin.setup(features.limiter({ name: 'wide' }), { ipv6Prefix: 48, headers: 'legacy' }),
      ],
      { trustProxy: true },
    )
    const seen = async (ip: string) => {
      const { headers } = await call(`${server.url}/items/7`, { headers: { 'x-forwarded-for': ip } })
      return [/r=(\d)/.exec(String(headers['ratelimit']))?.[1], headers['x-ratelimit-remaining']]
    }
    expect(await seen('2001:db8:0:1::1')).toEqual(['2', '2'])
    expect(await seen('2001:0db8::1:ffff:0:0:2')).toEqual(['1', '1'])
    expect(await seen('2001:db8:0:2::1')).toEqual(['2', '0'])
    expect(await seen('192.0.2.1')).toEqual(['2', '2'])
    expect(await seen('::ffff:192.0.2.1')).toEqual(['1', '1'])
  })

  test.runIf(adapter.knowsProxies)(
    'a port that a load balancer adds does not make another client, nor gets past deny or allow',
    async () => {
      const options = { deny: ['198.51.100.0/24', '2001:db8:bad::/48'], allow: ['192.0.2.7'] }
      const server = await start(adapter, [rateLimitPlugin.setup(features.limiter(), options)], {
        trustProxy: true,
      })
      const seen = (ip: string) => left(server, { 'x-forwarded-for': ip })
      expect([await seen('203.0.113.9:50000'), await seen('203.0.113.9:50001')]).toEqual(['2', '1'])
      expect(await seen('203.0.113.9')).toBe('0')
      expect([await seen('[2001:db8::1]:50001'), await seen('[2001:db8::2]:50002')]).toEqual(['2', '1'])
      expect([await seen('198.51.100.9:50000'), await seen('[2001:db8:bad::1]:50000')]).toEqual([403, 403])
      expect(await seen('192.0.2.7:50000')).toBeUndefined()
    },
  )

  test.runIf(adapter.knowsProxies)('clients that make up text for an address share one limit', async () => {
    const server = await start(adapter, [rateLimitPlugin.setup(features.limiter())], { trustProxy: true })
    const counts = []
    for (const ip of ['unknown', '_hidden', '999.1.1.1', 'x'.repeat(500)])
      counts.push(await left(server, { 'x-forwarded-for': ip }))
    expect(counts).toEqual(['2', '1', '0', 429])
  })

  test('an empty header counts as none, so that the fallback is used', async () => {
    const key: RateLimitOptions['key'] = (exchange) => exchange.header('x-api-key') ?? 'anonymous'
    const server = await start(adapter, [rateLimitPlugin.setup(features.limiter(), { key })])
    expect([await left(server, { 'x-api-key': '' }), await left(server)]).toEqual(['2', '1'])
    expect([await left(server, { 'x-api-key': 'k1' }), server.errors]).toEqual(['2', []])
  })

  test.runIf(connected.includes(adapter))(
    'a connection that is reset at once is no error, and no handler runs for it',
    async () => {
      let reached = 0
      const next: Handler = () => {
        reached++
        return PASS
      }
      const byHeader: RateLimitOptions = { key: (exchange) => exchange.header('host'), deny: ['127.0.0.1'] }
      for (const options of [{}, byHeader]) {
        const seen: Answer[] = []
        const limit = rateLimitPlugin.setup(features.limiter(), options)
        const watched: Handler = async (exchange) => {
          const answer = await limit(exchange)
          seen.push(answer)
          return answer
        }
        const { url, errors } = await start(adapter, [watched, next])
        for (let nth = 0; nth < 5; nth++) await sendAndReset(url)
        await until('all were seen', () => seen.length === 5)
        await nextTurn()
        expect([errors, reached]).toEqual([[], 0])
      }
    },
  )

  test.runIf(connected.includes(adapter))(
    'an untrusted proxy causes one warning, with the fix for the framework',
    async () => {
      const before = untrusted.length
      const fixes = {
        Express: /'trust proxy', 1/,
        Koa: /app\.maxIpsCount = 1/,
        'node:http': /key function/,
        Fastify: /trustProxy: '10\.0\.0\.2'/,
        Hono: /clientAddress\(/,
      }
      const [, fix] = Object.entries(fixes).find(([name]) => adapter.name.startsWith(name)) ?? []
      const server = await start(adapter, [rateLimitPlugin.setup(features.limiter())])
      await left(server, { 'x-forwarded-for': '203.0.113.9' })
      await left(server, { forwarded: 'for=203.0.113.9' })
      await nextTurn()
      // Said for each framework once in a process: not again here, and for both versions together.
      expect(untrusted.length).toBe(before)
      expect(untrusted.filter((message) => fix?.test(message))).toHaveLength(1)
    },
  )

  test.runIf(adapter.knowsProxies)('a trusted proxy causes no warning', async () => {
    const before = untrusted.length
    const server = await start(adapter, [rateLimitPlugin.setup(features.limiter())], { trustProxy: true })
    await left(server, { 'x-forwarded-for': '203.0.113.9' })
    await nextTurn()
    expect(untrusted.length).toBe(before)
  })

  test('the key may be a promise, and a missing key is an error with the fix', async () => {
    const users = new Map([['k1', 'ann']])
    const server = await start(adapter, [
      rateLimitPlugin.setup(features.limiter(), {
        key: async (exchange) => {
          await nextTurn()
          return users.get(exchange.header('x-api-key') ?? '')
        },
      }),
    ])
    expect([await left(server, { 'x-api-key': 'k1' }), await left(server, { 'x-api-key': 'k1' })]).toEqual([
      '2',
      '1',
    ])
    expect([await left(server, { 'x-api-key': 'k2' }), await left(server)]).toEqual([500, 500])
    expect(server.errors).toHaveLength(2)
    for (const error of server.errors) {
      expect(error).toBeInstanceOf(PenknifeError)
      expect(String(error)).toMatch(/rateLimit key is undefined: .*401, or limit them by their address/)
    }
  })

  test.runIf(connected.includes(adapter))(
    'a client that disconnected before the middleware ran is no error, and nothing more is done for it',
    async () => {
      const arrived = deferred()
      const answered = deferred<Answer>()
      let reached = 0
      const wait: Handler = (exchange) => {
        arrived.resolve()
        return new Promise((resolve) => {
          exchange.signal.addEventListener('abort', () => resolve(PASS))
        })
      }
      const limit = rateLimitPlugin.setup(features.limiter())
      const watched: Handler = async (exchange) => {
        expect(exchange.ip).toBeUndefined()
        const answer = await limit(exchange)
        answered.resolve(answer)
        return answer
      }
      const next: Handler = () => {
        reached++
        return PASS
      }
      const { url, errors } = await start(adapter, [wait, watched, next])
      const sent = begin(`${url}/items/7`)
      sent.on('error', () => {})
      await arrived.promise
      sent.destroy()
      expect(await answered.promise).not.toBe(PASS)
      await nextTurn()
      expect([errors, reached]).toEqual([[], 0])
    },
  )

  test('clients on the allow list are not counted, clients on the deny list get 403, both without a Redis call', async () => {
    const deny = new BlockList()
    const server = await start(adapter, [
      rateLimitPlugin.setup(features.limiter(), { deny, headers: 'none' }),
      rateLimitPlugin.setup(features.limiter(), { allow: ['10.0.0.0/8', '127.0.0.0/8'] }),
      rateLimitPlugin.setup(features.limiter({ name: 'other' }), { allow: ['10.0.0.0/8', '::1/128'] }),
    ])
    expect([await left(server), await left(server)]).toEqual(['2', '1'])
    deny.addSubnet('127.0.0.0', 8)
    await features.raw.config('RESETSTAT')
    const { status, headers, text } = await call(`${server.url}/items/7`)
    expect([status, headers['content-type']]).toEqual([403, 'application/problem+json'])
    expect(JSON.parse(text)).toMatchObject({ title: 'Forbidden', status: 403 })
    expect(await features.raw.info('commandstats')).not.toContain('cmdstat_evalsha')
  })

  test.runIf(adapter.knowsProxies)('lists know an IPv4 address that is mapped into IPv6', async () => {
    const options = { deny: ['192.0.2.0/24', '2001:db8::/32'], allow: ['198.51.100.7'] }
    const server = await start(adapter, [rateLimitPlugin.setup(features.limiter(), options)], {
      trustProxy: true,
    })
    const seen = (ip: string) => left(server, { 'x-forwarded-for': ip })
    expect(await Promise.all(['::ffff:192.0.2.1', '192.0.2.255', '2001:0db8::1'].map(seen))).toEqual([
      403, 403, 403,
    ])
    expect(await seen('::ffff:198.51.100.7')).toBeUndefined()
    expect([await seen('192.0.3.1'), await seen('no address')]).toEqual(['2', expect.anything()])
  })
})

test('each framework is warned about once', async () => {
  await until('all were reported', () => untrusted.length >= 5)
  const headers = untrusted.map((message) => /'(x-forwarded-for|forwarded)'/.exec(message)?.[1])
  expect(headers).toEqual(Array.from({ length: 5 }, () => 'x-forwarded-for'))
})

test('an address that a middleware sets after the request log is the one that counts, and is logged', async () => {
  const logged: (string | undefined)[] = []
  const log = { add: async ({ ip }: RequestEntry) => logged.push(ip) }
  const counts = []
  const app = express()
  app.use(logInExpress(log), (request, _response, next) => {
    Object.defineProperty(request, 'ip', { value: request.headers['x-client'] })
    next()
  })
  app.use(forExpress(features.limiter()), (_request, response) => void response.end())
  const koa = new Koa()
  koa.use(logInKoa(log)).use(async (context, next) => {
    context.request.ip = context.get('x-client')
    await next()
  })
  koa.use(forKoa(features.limiter({ name: 'koa' })))
  const callback = koa.callback()
  const servers = [createServer(app), createServer((request, response) => void callback(request, response))]
  for (const server of servers) {
    for (const ip of ['192.0.2.1', '192.0.2.1', '192.0.2.2']) {
      const { headers } = await supertest(server).get('/').set('x-client', ip)
      counts.push(/r=(\d)/.exec(String(headers['ratelimit']))?.[1])
    }
  }
  expect(counts).toEqual(['2', '1', '2', '2', '1', '2'])
  await until('all are logged', () => logged.length === 6)
  expect(new Set(logged)).toEqual(new Set(['192.0.2.1', '192.0.2.2']))
})
