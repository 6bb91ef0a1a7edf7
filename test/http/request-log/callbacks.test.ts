import { connect as connectSocket } from 'node:net'

import { type Handler, type RequestEntry, type RequestLogOptions, type RequestStream } from '@penknife/http'
import { requestLogPlugin } from '@penknife/http/adapter'
import { call } from '@penknife/http/testkit'
import { describe, expect, test } from 'vitest'

import { deferred } from '../../support/deferred.ts'
import { sendAndReset } from '../../support/reset.ts'
import { nextTurn, until } from '../../support/until.ts'
import { warningsOf } from '../../support/warnings.ts'
import { connected, frameworks } from '../frameworks.ts'
import { start } from '../setup.ts'

const warnings = warningsOf('PENKNIFE_REQUEST_LOG')
const node = frameworks.find(({ name }) => name === 'node:http') as (typeof frameworks)[number]

function fail(): never {
  throw new Error('on purpose')
}

/** A log that writes at once to a list, in front of the test's application. */
async function logging(options: RequestLogOptions = {}, adapter = node) {
  const logged: RequestEntry[] = []
  const handler = requestLogPlugin.setup(
    { add: async (entry) => logged.push(entry) },
    { flushInterval: 1, ...options },
  )
  const { url, errors } = await start(adapter, [handler])
  return { logged, handler, url, errors }
}

test('an async skip decides without delaying the request; the entry waits for an async fields', async () => {
  const kept = deferred()
  const { logged, url } = await logging({
    skip: async ({ path }) => {
      await kept.promise
      return path === '/items/health'
    },
    fields: async ({ path }) => {
      await nextTurn()
      return { tag: `of ${path}` }
    },
  })
  for (const name of ['health', '7']) expect((await call(`${url}/items/${name}`)).status).toBe(200)
  kept.resolve()
  await until('it is logged', () => logged.length > 0)
  expect(logged).toEqual([expect.objectContaining({ path: '/items/7', tag: 'of /items/7' })])
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
    const { logged, url, errors } = await logging({ skip })
    for (let nth = 0; nth < 2; nth++) expect((await call(`${url}/items/7`)).status).toBe(200)
    await until('both are logged', () => logged.length === 2)
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
  ['answers a number that JSON does not have', () => ({ n: Number.NaN }), /n is NaN/],
  [
    'answers 100 KB',
    () => ({ many: Array.from({ length: 50 }, () => 'x'.repeat(2000)) }),
    /at most 65536 bytes/,
  ],
])('a fields that %s loses the entry, and onError gets the error', async (_how, fields, message) => {
  const reports: [string, number][] = []
  const { logged, url, errors } = await logging({
    fields,
    onError: (error, lost) => reports.push([String(error), lost]),
  })
  expect((await call(`${url}/items/7`)).status).toBe(200)
  await until('it is reported', () => reports.length === 1)
  expect(reports).toEqual([[expect.stringMatching(message), 1]])
  expect([errors, logged]).toEqual([[], []])
})

test.each([
  ['throws', fail],
  ['rejects', async () => fail()],
])('an onError that %s is reported once and affects no request', async (_how, onError) => {
  const before = warnings.length
  const broken: RequestStream = { add: fail }
  const { url, errors } = await start(node, [requestLogPlugin.setup(broken, { onError, flushInterval: 1 })])
  for (let nth = 0; nth < 2; nth++) expect((await call(`${url}/items/7`)).status).toBe(200)
  await until('it is reported', () => warnings.length > before)
  await nextTurn()
  expect([errors, warnings.length - before]).toEqual([[], 1])
  expect(warnings.at(-1)).toMatch(/onError of requestLog failed \(reported once\): on purpose/)
})

test('no request waits for a stream that never answers; the oldest entries are dropped and counted', async () => {
  const reports: [string, number][] = []
  const stuck: RequestStream = { add: () => new Promise(() => {}) }
  const handler = requestLogPlugin.setup(stuck, {
    maxPending: 3,
    flushInterval: 1,
    onError: (error, lost) => reports.push([String(error), lost]),
  })
  const { url, errors } = await start(node, [handler])
  for (let nth = 1; nth <= 7; nth++) expect((await call(`${url}/items/7`)).status).toBe(200)
  await until('the log is full', () => reports.length === 1)
  expect(reports).toEqual([
    ['Error: 3 entries or 8388608 bytes wait for Redis; the oldest are dropped', expect.any(Number)],
  ])
  await handler.close?.(20)
  expect(reports.slice(1)).toEqual([
    [expect.stringMatching(/3 entries had not reached Redis within 20 ms of close\(\)/), 7],
  ])
  expect(errors).toEqual([])
})

test('values from a client cannot fake a line, control a terminal or show a password, and are bounded', async () => {
  const { logged, url } = await logging({ query: ['q'] })
  const { port } = new URL(url)
  const socket = connectSocket(Number(port), '127.0.0.1')
  // As bytes: U+0085 ends a line, U+009B begins an escape sequence.
  const agent = `a\u0085b\u009b31mc\td${'e'.repeat(1000)}`
  const target = `http://ann:secret@test/items/${'7'.repeat(2000)}?q=%0a%1b[31m%ED%A0%80%E2%80%AE${'x'.repeat(500)}`
  socket.write(
    Buffer.from(
      `GET ${target} HTTP/1.1\r\nHost: test\r\nUser-Agent: ${agent}\r\nConnection: close\r\n\r\n`,
      'latin1',
    ),
  )
  socket.resume()
  await until('it is logged', () => logged.length === 1)
  expect(logged[0]).toMatchObject({
    path: expect.stringMatching(/^\/items\/7{1017}$/),
    userAgent: expect.stringMatching(/^a\ufffdb\ufffd31mc\ufffdde{240,}$/),
    query: { q: expect.stringMatching(/^\ufffd\ufffd\[31m\ufffd+x+$/) },
  })
  expect(logged[0]?.userAgent).toHaveLength(256)
  expect(logged[0]?.query?.['q']).toHaveLength(256)
  expect(JSON.stringify(logged)).not.toContain('secret')
})

describe.each(connected.filter(({ name }) => name === 'Express 5' || name === 'Koa 3'))(
  'on $name',
  (adapter) => {
    test('connections that are reset at once add at most ten entries a second to the log', async () => {
      const logged: RequestEntry[] = []
      const reports: string[] = []
      let seen = 0
      const log = requestLogPlugin.setup(
        { add: async (entry) => logged.push(entry) },
        { onError: (error, lost) => reports.push(`${String(error)} ${lost}`), flushInterval: 1 },
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
      await log.close?.(1000)
      // With status 0 it is the entry in which close() counts the others.
      const shown = logged.filter(({ status }) => status !== 0).length
      expect(shown).toBeGreaterThan(0)
      expect(shown).toBeLessThanOrEqual(most)
      expect(reports[0]).toBe(
        'Error: clients reset more than 10 connections a second at once; further requests of such clients are not logged 1',
      )
      // Others are logged meanwhile, and the entry says how many are missing.
      const before = logged.length
      expect((await call(`${url}/items/7`)).status).toBe(200)
      await until('it is logged', () => logged.length === before + 1)
      expect(logged.reduce((sum, { dropped = 0 }) => sum + 1 + dropped, 0)).toBe(41)
    })
  },
)

test('fields of the application replace own fields, and add others', async () => {
  const { logged, url } = await logging({
    fields: (exchange, { status }) => ({
      tenant: exchange.query.get('tenant'),
      ok: status < 400,
      path: 'hidden',
      ip: undefined,
      when: new Date(0),
    }),
  })
  await call(`${url}/items/7?tenant=acme`)
  await until('it is logged', () => logged.length === 1)
  expect(logged[0]).toMatchObject({
    tenant: 'acme',
    ok: true,
    path: 'hidden',
    when: '1970-01-01T00:00:00.000Z',
  })
  expect(logged[0]).not.toHaveProperty('ip')
})

test('close writes what waits, and resolves then', async () => {
  const { logged, handler, url } = await logging({ flushInterval: '10s' })
  await call(url)
  await until('it has ended', () => nextTurn().then(() => true))
  expect(logged).toEqual([])
  await handler.close?.(10_000)
  expect(logged).toHaveLength(1)
})

test('wrong options are refused at set-up', () => {
  const stream: RequestStream = { add: async () => '' }
  const refused =
    (options: object): (() => unknown) =>
    () =>
      requestLogPlugin.setup(stream, options)
  expect(refused({ field: () => ({}) })).toThrow(/did you mean 'fields'/)
  expect(refused({ retain: { entries: 5 } })).toThrow(/retain/)
  for (const maxPending of [0, 1.5, '9', 1e9, Infinity])
    expect(refused({ maxPending })).toThrow(
      /requestLog maxPending is .*: give a whole number from 1 to 1000000/,
    )
  for (const name of [
    'skip',
    'fields',
    'user',
    'query',
    'ip',
    'requestId',
    'sample',
    'maxPending',
    'onError',
  ])
    expect(refused({ [name]: null })).toThrow(`${name} is null: give a value, or leave it out`)
  expect(() => requestLogPlugin.setup(stream, null as never)).toThrow(/requestLog options is null/)
  expect(() => requestLogPlugin.setup({} as never)).toThrow(/give a space and a name, or a stream/)
  expect(refused({ skip: true })).toThrow(/requestLog skip is true: give paths such as/)
  expect(refused({ skip: ['health'] })).toThrow(/an entry of requestLog skip is "health"/)
  expect(refused({ user: 'ann' })).toThrow(/requestLog user is "ann": give a function/)
  expect(refused({ query: ['page', 'Access_Token'] })).toThrow(/"Access_Token": its value may be a secret/)
  expect(refused({ ip: 'hash' })).toThrow(/requestLog ip is "hash": give 'keep'/)
  expect(refused({ ip: { hashKey: 'short' } })).toThrow(/requestLog ip.hashKey is "…": give a secret/)
  expect(refused({ requestId: { header: 'a b' } })).toThrow(/requestId.header is "a b"/)
  expect(refused({ sample: 2 })).toThrow(/requestLog sample is 2: give a share/)
  expect(refused({ sample: { routes: { '/': '1' } } })).toThrow(/sample.routes\['\/'\] is "1"/)
  expect(refused({ flushInterval: 0 })).toThrow(/flushInterval/)
})
