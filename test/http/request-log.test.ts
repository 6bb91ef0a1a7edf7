import {
  type Handler,
  PASS,
  type RequestEntry,
  type RequestLogOptions,
  type RequestStream,
} from '@penknife/http'
import { requestLogPlugin } from '@penknife/http/adapter'
import { begin, call } from '@penknife/http/testkit'
import { describe, expect, test } from 'vitest'

import { until } from '../support/until.ts'
import { frameworks } from './frameworks.ts'
import { start, useFeatures } from './setup.ts'

const features = useFeatures()

/** The log's entries, once there are this many. */
async function entries(count: number): Promise<RequestEntry[]> {
  const stream = features.stream()
  let found: RequestEntry[] = []
  await until(`${count} entries`, async () => {
    found = (await stream.read()).map(({ payload }) => payload)
    return found.length >= count
  })
  return found
}

describe.each(frameworks)('requestLog on $name', (adapter) => {
  test('each finished request is one entry, with what is known of it', async () => {
    const { url } = await start(adapter, [requestLogPlugin.setup(features.stream())], { mount: '/api' })
    const before = Date.now()
    await call(`${url}/api/items/7?secret=1`, { headers: { 'user-agent': 'a test' } })
    const [entry] = await entries(1)
    expect(entry).toEqual({
      at: expect.any(Number),
      method: 'GET',
      path: '/api/items/7',
      ...(adapter.knowsRoutes ? { route: '/api/items/:id' } : {}),
      status: 200,
      durationMs: expect.any(Number),
      bytesIn: 0,
      bytesOut: 10,
      ip: expect.stringMatching(/127\.0\.0\.1$/),
      userAgent: 'a test',
      aborted: false,
    })
    expect(entry?.at).toBeGreaterThanOrEqual(before)
    expect(entry?.at).toBeLessThanOrEqual(Date.now())
  })

  test('failures, refusals and requests broken off are logged too', async () => {
    const arrived: (() => void)[] = []
    const answer: Handler = ({ path, signal }) => {
      if (path === '/fail') throw new Error('on purpose')
      if (path === '/teapot') return { status: 418 }
      if (path !== '/wait') return PASS
      return new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve(PASS))
        for (const tell of arrived) tell()
      })
    }
    const { url } = await start(adapter, [requestLogPlugin.setup(features.stream()), answer])
    await call(`${url}/fail`)
    await call(`${url}/teapot`)
    await call(`${url}/nowhere`)
    await call(`${url}/echo`, { method: 'POST', body: ['12345', '67890'] })
    const waiting = begin(`${url}/wait`).on('error', () => {})
    await new Promise<void>((resolve) => arrived.push(resolve))
    waiting.destroy()
    const logged = (await entries(5)).map(({ path, status, bytesIn, aborted }) => [
      path,
      status,
      bytesIn,
      aborted,
    ])
    expect(logged).toEqual([
      ['/fail', 500, 0, false],
      ['/teapot', 418, 0, false],
      ['/nowhere', 404, 0, false],
      ['/echo', 200, 10, false],
      ['/wait', 499, 0, true],
    ])
  })

  test('what a client sends is cut to a bounded length', async () => {
    const { url } = await start(adapter, [requestLogPlugin.setup(features.stream())])
    await call(`${url}/${'p'.repeat(5000)}`, { headers: { 'user-agent': 'u'.repeat(5000) } })
    const [entry] = await entries(1)
    expect([entry?.path.length, entry?.userAgent?.length]).toEqual([1024, 256])
  })

  test('no request waits for the log, nor fails with it', async () => {
    const told: [string, number][] = []
    const onError: RequestLogOptions['onError'] = (error, lost) => told.push([String(error), lost])
    let calls = 0
    const stuck: RequestStream = {
      add: () => {
        calls++
        if (calls === 1) throw new Error('no Redis')
        return new Promise(() => {})
      },
    }
    const { url, errors } = await start(adapter, [requestLogPlugin.setup(stuck, { maxPending: 3, onError })])
    for (let nth = 1; nth <= 7; nth++) expect((await call(`${url}/items/7`)).status).toBe(200)
    await until('the log is full', () => told.length === 2)
    expect(calls).toBe(4)
    expect(told).toEqual([
      ['Error: no Redis', 1],
      ['Error: 3 entries are waiting for Redis; further ones are dropped', 2],
    ])
    expect(errors).toEqual([])
  })

  test('skip leaves requests out, fields adds to an entry', async () => {
    const handler = requestLogPlugin.setup(features.stream(), {
      skip: (exchange) => exchange.path === '/items/health',
      fields: (exchange, { status }) => ({
        tenant: exchange.query.get('tenant'),
        ok: status < 400,
        path: 'hidden',
      }),
    })
    const { url } = await start(adapter, [handler])
    await call(`${url}/items/health`)
    await call(`${url}/items/7?tenant=acme`)
    expect(await entries(1)).toEqual([expect.objectContaining({ tenant: 'acme', ok: true, path: 'hidden' })])
  })
})

test('close resolves when the entries on their way have settled', async () => {
  const adapter = frameworks[0]
  if (!adapter) throw new Error('no framework')
  let finish: ((id: string) => void) | undefined
  const handler = requestLogPlugin.setup({ add: () => new Promise((resolve) => (finish = resolve)) })
  const { url } = await start(adapter, [handler])
  await call(url)
  await until('an entry is on its way', () => finish !== undefined)
  let closed = false
  const closing = handler.close?.().then(() => (closed = true))
  await Promise.resolve()
  expect(closed).toBe(false)
  finish?.('1-0')
  await closing
  expect(closed).toBe(true)
})

test('wrong options are refused at set-up', () => {
  const refused =
    (options: object): (() => unknown) =>
    () =>
      requestLogPlugin.setup(features.stream(), options)
  expect(refused({ field: () => ({}) })).toThrow(/did you mean 'fields'/)
  expect(refused({ maxPending: 0 })).toThrow(/maxPending is 0: give a whole number from 1/)
  expect(refused({ skip: true })).toThrow(/requestLog skip is true: give a function/)
})
