import { connect as connectSocket } from 'node:net'

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

import { deferred } from '../support/deferred.ts'
import { sendAndReset } from '../support/reset.ts'
import { nextTurn, until } from '../support/until.ts'
import { warningsOf } from '../support/warnings.ts'
import { connected, frameworks } from './frameworks.ts'
import { start, useFeatures } from './setup.ts'

const features = useFeatures()
const warnings = warningsOf('PENKNIFE_REQUEST_LOG')

function fail(): never {
  throw new Error('on purpose')
}

/** The log's entries, once there are this many. */
async function entries(count: number): Promise<RequestEntry[]> {
  const stream = features.stream()
  let found: RequestEntry[] = []
  await until(`${count} entries`, async () => {
    found = (await stream.read()).items.map(({ payload }) => payload)
    return found.length >= count
  })
  return found
}

describe.each(frameworks)('requestLog on $name', (adapter) => {
  test('each finished request is one entry, with its fields', async () => {
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

  test('failed, refused and aborted requests are logged too', async () => {
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
    for (const [at, path] of ['/fail', '/teapot', '/nowhere'].entries()) {
      await call(`${url}${path}`)
      // Entries that are on their way together may change places.
      await entries(at + 1)
    }
    await call(`${url}/echo`, { method: 'POST', body: ['12345', '67890'] })
    await entries(4)
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

  test('values from a client are cut to a bounded length', async () => {
    const { url } = await start(adapter, [requestLogPlugin.setup(features.stream())])
    await call(`${url}/${'p'.repeat(5000)}`, { headers: { 'user-agent': 'u'.repeat(5000) } })
    const [entry] = await entries(1)
    expect([entry?.path.length, entry?.userAgent?.length]).toEqual([1024, 256])
  })

  test('no request waits for the log, nor fails with it', async () => {
    const reports: [string, number][] = []
    const onError: RequestLogOptions['onError'] = (error, lost) => reports.push([String(error), lost])
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
    await until('the log is full', () => reports.length === 2)
    expect(calls).toBe(4)
    expect(reports).toEqual([
      ['Error: no Redis', 1],
      ['Error: 3 entries are waiting for Redis; further ones are dropped', 2],
    ])
    expect(errors).toEqual([])
  })

  test('an async skip decides without delaying the request; the entry waits for an async fields', async () => {
    const kept = deferred()
    const handler = requestLogPlugin.setup(features.stream(), {
      skip: async ({ path }) => {
        await kept.promise
        return path === '/items/health'
      },
      fields: async ({ path }) => {
        await nextTurn()
        return { tag: `of ${path}` }
      },
    })
    const { url } = await start(adapter, [handler])
    for (const name of ['health', '7']) expect((await call(`${url}/items/${name}`)).status).toBe(200)
    kept.resolve()
    expect(await entries(1)).toEqual([expect.objectContaining({ path: '/items/7', tag: 'of /items/7' })])
  })

  test.each([
    ['throws', fail],
    ['rejects', async () => fail()],
    ['answers text', () => 'yes' as never],
    ['resolves with a number', async () => 1 as never],
  ])(
    'a skip that %s affects no request: it is reported once, and the request is logged',
    async (_how, skip) => {
      const before = warnings.length
      const { url, errors } = await start(adapter, [requestLogPlugin.setup(features.stream(), { skip })])
      for (let nth = 0; nth < 2; nth++) expect((await call(`${url}/items/7`)).status).toBe(200)
      expect(await entries(2)).toHaveLength(2)
      await until('it is reported', () => warnings.length > before)
      expect([errors, warnings.length - before]).toEqual([[], 1])
      expect(warnings.at(-1)).toMatch(/requestLog logs requests for which skip failed \(reported once\)/)
    },
  )

  test.each([
    ['throws', fail, /on purpose/],
    ['rejects', async () => fail(), /on purpose/],
    ['answers text', () => 'abc' as never, /the answer of requestLog fields is "abc": return an object/],
    ['answers a list', () => ['abc'], /the answer of requestLog fields is an array: return an object/],
    ['answers nothing', () => undefined as never, /the answer of requestLog fields is undefined/],
  ])('a fields that %s loses the entry, and onError gets the error', async (_how, fields, message) => {
    const reports: [string, number][] = []
    const options: RequestLogOptions = {
      fields,
      onError: (error, lost) => reports.push([String(error), lost]),
    }
    const { url, errors } = await start(adapter, [requestLogPlugin.setup(features.stream(), options)])
    expect((await call(`${url}/items/7`)).status).toBe(200)
    await until('it is reported', () => reports.length === 1)
    expect(reports).toEqual([[expect.stringMatching(message), 1]])
    expect([errors, (await features.stream().read()).items]).toEqual([[], []])
  })

  test.each([
    ['throws', fail],
    ['rejects', async () => fail()],
  ])('an onError that %s is reported once and affects no request', async (_how, onError) => {
    const before = warnings.length
    const broken: RequestStream = { add: fail }
    const { url, errors } = await start(adapter, [requestLogPlugin.setup(broken, { onError })])
    for (let nth = 0; nth < 2; nth++) expect((await call(`${url}/items/7`)).status).toBe(200)
    await until('it is reported', () => warnings.length > before)
    await nextTurn()
    expect([errors, warnings.length - before]).toEqual([[], 1])
    expect(warnings.at(-1)).toMatch(/onError of requestLog failed \(reported once\): on purpose/)
  })

  test('values from a client cannot fake a line, control a terminal or show a password', async () => {
    const logged: RequestEntry[] = []
    const { url } = await start(adapter, [
      requestLogPlugin.setup({ add: async (entry) => logged.push(entry) }),
    ])
    const { port } = new URL(url)
    const socket = connectSocket(Number(port), '127.0.0.1')
    // A fetch server makes no Request of a target with a password.
    const target = `${connected.includes(adapter) ? 'http://ann:secret@test' : ''}/items/7?k=1`
    // As bytes: U+0085 ends a line, U+009B begins an escape sequence.
    const agent = 'a\u0085b\u009b31mc\td'
    socket.write(
      Buffer.from(
        `GET ${target} HTTP/1.1\r\nHost: test\r\nUser-Agent: ${agent}\r\nConnection: close\r\n\r\n`,
        'latin1',
      ),
    )
    socket.resume()
    await until('it is logged', () => logged.length === 1)
    expect(logged[0]).toMatchObject({ path: '/items/7', userAgent: 'a\ufffdb\ufffd31mc\ufffdd' })
    expect(JSON.stringify(logged)).not.toContain('secret')
  })

  test.runIf(connected.includes(adapter))(
    'connections that are reset at once add at most ten entries a second to the log',
    async () => {
      const logged: RequestEntry[] = []
      const reports: string[] = []
      let seen = 0
      const log = requestLogPlugin.setup(
        { add: async (entry) => logged.push(entry) },
        { onError: (error, lost) => reports.push(`${String(error)} ${lost}`) },
      )
      const counted: Handler = (exchange) => {
        seen++
        return log(exchange)
      }
      const { url } = await start(adapter, [counted])
      const began = performance.now()
      await Promise.all(Array.from({ length: 40 }, () => sendAndReset(url)))
      await until('all were seen', () => seen === 40)
      const most = 10 * (1 + Math.floor((performance.now() - began) / 1000))
      await nextTurn()
      expect(logged.length).toBeGreaterThan(0)
      expect(logged.length).toBeLessThanOrEqual(most)
      expect(reports[0]).toBe(
        'Error: clients reset more than 10 connections a second at once; further requests of such clients are not logged 1',
      )
      // Others are logged meanwhile.
      const before = logged.length
      expect((await call(`${url}/items/7`)).status).toBe(200)
      await until('it is logged', () => logged.length === before + 1)
    },
  )

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

test('close resolves when the pending entries have settled', async () => {
  const adapter = frameworks[0]
  if (!adapter) throw new Error('no framework')
  let finish: ((id: string) => void) | undefined
  const handler = requestLogPlugin.setup({ add: () => new Promise((resolve) => (finish = resolve)) })
  const { url } = await start(adapter, [handler])
  await call(url)
  await until('an entry is on its way', () => finish !== undefined)
  let closed = false
  const closing = handler.close?.(10_000).then(() => (closed = true))
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
  for (const maxPending of [0, 1.5, '9', 1e9, Infinity])
    expect(refused({ maxPending })).toThrow(
      /requestLog maxPending is .*: give a whole number from 1 to 1000000/,
    )
  for (const name of ['skip', 'fields', 'maxPending', 'onError'])
    expect(refused({ [name]: null })).toThrow(`${name} is null: give a value, or leave it out`)
  expect(() => requestLogPlugin.setup(features.stream(), null as never)).toThrow(/requestLog options is null/)
  expect(refused({ skip: true })).toThrow(/requestLog skip is true: give a function/)
})
