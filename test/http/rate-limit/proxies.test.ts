import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, request as send } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { rateLimit as forExpress } from '@penknife/express'
import { ipKey, type RateLimitOptions } from '@penknife/http'
import { rateLimit as forKoa } from '@penknife/koa'
import express from 'express'
import express4 from 'express4'
import Koa from 'koa'
import Koa2 from 'koa2'
import supertest from 'supertest'
import { describe, expect, onTestFinished, test } from 'vitest'

import { nextTurn } from '../../support/until.ts'
import { warningsOf } from '../../support/warnings.ts'
import { useFeatures } from '../setup.ts'

const features = useFeatures()

/** What is left of a limit of 3 after one more request; undefined when it was not counted. */

test.each([
  [
    'Express',
    () => {
      const app = express().set('trust proxy', 1).set('env', 'test')
      return createServer(app.use(forExpress(features.limiter()), sayHello))
    },
  ],
  [
    'Koa',
    () => {
      const app = new Koa({ proxy: true, maxIpsCount: 1 })
      app.silent = true
      const callback = app.use(forKoa(features.limiter())).use(hello).callback()
      return createServer((request, response) => void callback(request, response))
    },
  ],
])(
  'behind a proxy that uses a unix socket, clients of %s have the addresses that the proxy saw',
  async (_name, make) => {
    const folder = mkdtempSync(join(tmpdir(), 'penknife-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const path = join(folder, 'http.sock')
    const server = make()
    await new Promise<void>((resolve) => server.listen(path, resolve))
    onTestFinished(() => void server.close())
    const statusOf = (headers: Readonly<Record<string, string>>) =>
      new Promise((resolve, reject) => {
        send({ socketPath: path, path: '/', headers, agent: false }, (response) => {
          resolve(response.resume().statusCode)
        })
          .on('error', reject)
          .end()
      })
    const seen = []
    for (const ip of ['192.0.2.1', '192.0.2.1', '192.0.2.1', '192.0.2.1', '192.0.2.2'])
      seen.push(await statusOf({ 'x-forwarded-for': `198.51.100.1, ${ip}` }))
    expect(seen).toEqual([200, 200, 200, 429, 200])
    // Without an address there is an error, not one limit for all.
    expect(await statusOf({})).toBe(500)
  },
)

function sayHello(_request: unknown, response: { end(text: string): unknown }): void {
  response.end('hello')
}

function hello(context: { body: unknown }): void {
  context.body = 'hello'
}

const permissive = warningsOf('PENKNIFE_TRUSTS_EVERY_PROXY')
const bare = warningsOf('PENKNIFE_BARE_ADDRESS')

describe('a framework that trusts every proxy', () => {
  const forwarded = { 'x-forwarded-for': '203.0.113.9' }

  function expressApp(make: typeof express, trust: unknown): ReturnType<typeof createServer> {
    const app = make()
    app.set('trust proxy', trust)
    app.use(forExpress(features.limiter()), (_request, response) => void response.end())
    return createServer(app)
  }

  function koaApp(Make: typeof Koa, options: ConstructorParameters<typeof Koa>[0]) {
    const callback = new Make(options).use(forKoa(features.limiter())).callback()
    return createServer((request, response) => void callback(request, response))
  }

  test('causes one warning, with the fix; one that trusts its own proxies causes none', async () => {
    const quiet = [
      expressApp(express, 1),
      expressApp(express4, '127.0.0.1'),
      koaApp(Koa, { proxy: true, maxIpsCount: 1 }),
      koaApp(Koa, { proxy: true, proxyIpHeader: 'X-Real-IP' }),
      koaApp(Koa, { proxy: false }),
    ]
    for (const server of quiet) await supertest(server).get('/').set(forwarded)
    // Nobody forwarded anything yet.
    await supertest(expressApp(express, true)).get('/')
    await nextTurn()
    expect(permissive).toEqual([])
    const loud = [
      expressApp(express, true),
      expressApp(express4, true),
      koaApp(Koa, { proxy: true }),
      koaApp(Koa2, { proxy: true }),
    ]
    for (const server of loud) await supertest(server).get('/').set(forwarded)
    await nextTurn()
    expect(permissive).toHaveLength(2)
    expect(permissive[0]).toMatch(/trusts every 'x-forwarded-for' header.*app\.set\('trust proxy', 1\)/)
    expect(permissive[1]).toMatch(/app\.maxIpsCount = 1/)
  })

  test('an IPv6 address as a key is warned about once; a network, an IPv4 address and other keys are not', async () => {
    const ask = async (key: RateLimitOptions['key'], ip: string) => {
      const app = express().set('trust proxy', 1)
      const limiter = features.limiter({ name: 'bare' })
      app.use(forExpress(limiter, key ? { key } : {}), (_request, response) => void response.end())
      await supertest(app).get('/').set({ 'x-forwarded-for': ip, 'x-user': 'tenant:ann' }).expect(200)
      await nextTurn()
      return bare.length
    }
    expect(await ask(undefined, '2001:db8::1')).toBe(0)
    expect(await ask(({ ip }) => ip && ipKey(ip), '2001:db8::2')).toBe(0)
    expect(await ask(({ ip }) => ip, '192.0.2.1')).toBe(0)
    expect(await ask(({ ip }) => ip, '::ffff:192.0.2.2')).toBe(0)
    expect(await ask((exchange) => exchange.header('x-user'), '2001:db8::3')).toBe(0)
    expect(await ask(({ ip }) => ip && `ip:${ipKey(ip)}`, '2001:db8:0:0::')).toBe(0)
    expect(await ask(({ ip }) => ip && `ip:${ip}`, '2001:db8::4')).toBe(1)
    expect(await ask(({ ip }) => ip, '2001:db8::5')).toBe(1)
    expect(bare[0]).toMatch(/ipKey\(exchange\.ip\)/)
  })
})
