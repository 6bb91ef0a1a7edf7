import { createServer } from 'node:http'

import {
  logClientErrors,
  logErrors,
  logFields as inExpress,
  requestIdOf,
  requestLog,
} from '@penknife/express'
import { logError, logFields, type RequestEntry, requestIdOf as idOf } from '@penknife/http'
import { requestLog as forHono } from '@penknife/fetch/hono'
import { requestLog as forFetch } from '@penknife/fetch'
import { requestLog as forKoa } from '@penknife/koa'
import { rateLimit as limitInExpress } from '@penknife/express'
import { call, raw } from '@penknife/http/testkit'
import express5 from 'express'
import express4 from 'express4'
import { Hono } from 'hono'
import Koa3 from 'koa'
import Koa2 from 'koa2'
import { expect, onTestFinished, test } from 'vitest'

import { until } from '../../support/until.ts'
import { listen } from '../frameworks.ts'
import { useFeatures } from '../setup.ts'

const features = useFeatures()

interface Sink {
  readonly entries: RequestEntry[]
  readonly stream: { add(entry: RequestEntry): Promise<unknown> }
  one(): Promise<RequestEntry>
}

function sink(): Sink {
  const entries: RequestEntry[] = []
  return {
    entries,
    stream: { add: async (entry) => entries.push(entry) },
    async one() {
      await until('it is logged', () => entries.length > 0)
      return entries.shift() as RequestEntry
    },
  }
}

const OPTIONS = { flushInterval: 1 } as const

test.each([
  ['Express 5', express5],
  ['Express 4', express4],
])(
  '%s: handlers add fields and read the id; logErrors notes an error, also below mounted routers',
  async (_name, make) => {
    const { stream, one } = sink()
    const app = make()
    app.set('env', 'test')
    app.use(requestLog(stream, OPTIONS))
    const router = make.Router({ mergeParams: true })
    router.get('/items/:id', (request, response) => {
      inExpress(request, { tenant: 'acme', cached: false })
      inExpress(request, { cached: true })
      response.send(requestIdOf(request))
    })
    router.get('/fail', () => {
      throw new RangeError('no item, Bearer abcdefgh')
    })
    app.use('/tenants/:tenant', router)
    app.use(logErrors)
    const server = await listen(app, [])
    onTestFinished(() => server.close())
    const answer = await call(`${server.url}/tenants/acme/items/7`)
    const entry = await one()
    expect(entry).toMatchObject({ route: '/tenants/:tenant/items/:id', tenant: 'acme', cached: true })
    expect([answer.text, answer.headers['x-request-id']]).toEqual([entry.id, entry.id])
    await call(`${server.url}/tenants/acme/fail`)
    expect(await one()).toMatchObject({
      status: 500,
      error: { name: 'RangeError', message: 'no item, Bearer [redacted]' },
    })
  },
)

test.each([
  ['Koa 3', Koa3],
  ['Koa 2', Koa2],
])('%s: an async error is in the entry; handlers add fields and read the id', async (_name, Make) => {
  const { stream, one } = sink()
  const app = new Make()
  app.silent = true
  app.use(forKoa(stream, OPTIONS))
  app.use(async (context) => {
    await Promise.resolve()
    logFields(context, { tenant: 'acme' })
    if (context.path === '/fail') throw Object.assign(new Error('gone'), { status: 410 })
    context.body = idOf(context)
  })
  const callback = app.callback()
  const server = await listen((request, response) => void callback(request, response), [])
  onTestFinished(() => server.close())
  const { text } = await call(server.url)
  expect(await one()).toMatchObject({ id: text, tenant: 'acme', status: 200 })
  await call(`${server.url}/fail`)
  expect(await one()).toMatchObject({
    status: 410,
    tenant: 'acme',
    error: { name: 'Error', message: 'gone' },
  })
})

test('fetch servers and Hono: the same for a Request and a context', async () => {
  const { stream, one } = sink()
  const log = forFetch(stream, OPTIONS)
  const answer = await log(new Request('http://test/a'), {}, (request) => {
    logFields(request, { tenant: 'acme' })
    return new Response(idOf(request))
  })
  const text = await answer.text()
  expect(await one()).toMatchObject({ id: text, tenant: 'acme', path: '/a' })
  const app = new Hono()
  app.use(forHono(stream, OPTIONS))
  app.get('/b', (context) => {
    logFields(context, { tenant: 'acme' })
    logError(context, 'only text')
    return context.text(idOf(context) ?? '')
  })
  const honoText = await (await app.request('/b')).text()
  expect(await one()).toMatchObject({
    id: honoText,
    tenant: 'acme',
    error: { name: 'string', message: 'only text' },
  })
})

test('a request without a log has no id, and fields for it do nothing', () => {
  expect(idOf({})).toBeUndefined()
  logFields({}, { a: 1 })
  expect(() => logFields({}, null as never)).toThrow(/fields is null: give an object/)
})

test('the entry has what a rate limit decided: the rule, what was left, and a denial', async () => {
  const { stream, one } = sink()
  const app = express5()
  app.use(requestLog(stream, { ...OPTIONS, sample: 0 }), limitInExpress(features.limiter()))
  app.get('/', (_request, response) => void response.send('hello'))
  const server = await listen(app, [])
  onTestFinished(() => server.close())
  for (let nth = 0; nth < 4; nth++) await call(server.url)
  // Only the denial is logged with a rate of 0.
  expect(await one()).toMatchObject({
    status: 429,
    limit: { limiter: 'api', rule: 'burst', remaining: 0, allowed: false },
  })
})

test("what node's own parser refuses is logged, and the client gets node's reply", async () => {
  const { stream, one, entries } = sink()
  const log = requestLog(stream, OPTIONS)
  const server = createServer(express5().use(log))
  const end = logClientErrors(server, log)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const url = `http://127.0.0.1:${(server.address() as { port: number }).port}`
  const bad = raw(url, 'NOT HTTP token=hunter2\r\n\r\n')
  await bad.closed
  expect(bad.text).toMatch(/^HTTP\/1.1 400 Bad Request/)
  expect(await one()).toMatchObject({
    status: 400,
    method: '',
    path: '',
    ip: '127.0.0.1',
    error: { name: 'Error' },
  })
  const large = raw(url, `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`)
  await large.closed
  expect(large.text).toMatch(/^HTTP\/1.1 431/)
  expect(await one()).toMatchObject({ status: 431 })
  // A second log, as after a hot reload: the client still gets one reply.
  const endOther = logClientErrors(server, requestLog(sink().stream, OPTIONS))
  const both = raw(url, 'NOT HTTP\r\n\r\n')
  await both.closed
  expect(both.text.match(/HTTP\/1.1 400/g)).toHaveLength(1)
  expect(await one()).toMatchObject({ status: 400 })
  endOther()
  end()
  await raw(url, 'NOT HTTP\r\n\r\n').closed
  expect(entries).toEqual([])
  expect(() => logClientErrors(server, { ...log })).toThrow(/log is .*: give the middleware that requestLog/)
})
