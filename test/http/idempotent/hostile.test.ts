import { Agent, request } from 'node:http'

import { call, raw } from '@penknife/http/testkit'
import inject from 'light-my-request'
import { describe, expect, test } from 'vitest'

import { available, openReady } from '../../support/connect.ts'
import { deferred } from '../../support/deferred.ts'
import { startProxy } from '../../support/proxy.ts'
import { callsOf, pattern } from '../../support/redis.ts'
import { LONG, until } from '../../support/until.ts'
import { frameworks } from '../frameworks.ts'
import { start, useFeatures } from '../setup.ts'
import { application, idempotent, KEY, post } from './kit.ts'

const features = useFeatures()
const node = frameworks.find(({ name }) => name === 'node:http') as (typeof frameworks)[number]
const KEYS = LONG ? 5000 : 1000
const claims = (): Promise<string[]> => features.raw.keys('*:request:*')

describe.each(frameworks)('on $name', (adapter) => {
  test('a body that never ends is refused at the bound, and claims nothing', async () => {
    const app = application()
    const { url } = await start(adapter, [
      idempotent(features.space, { maxRequestBytes: 10_000 }),
      app.handler,
    ])
    const connection = raw(
      url,
      `POST /orders HTTP/1.1\r\nHost: x\r\nIdempotency-Key: k\r\nTransfer-Encoding: chunked\r\n\r\n`,
    )
    const chunk = `400\r\n${'x'.repeat(1024)}\r\n`
    const pour = setInterval(() => connection.socket.write(chunk), 2)
    await until('it is refused', () => connection.text.includes('413'))
    clearInterval(pour)
    connection.socket.destroy()
    expect([await claims(), app.runs]).toEqual([[], 0])
  })

  test('a body that stalls, or whose client leaves, claims nothing and holds nobody off', async () => {
    const app = application()
    const { url } = await start(adapter, [idempotent(features.space), app.handler])
    const half = `POST /orders HTTP/1.1\r\nHost: x\r\nIdempotency-Key: "${KEY}"\r\nContent-Length: 9\r\n\r\n{"sku`
    const [stalling, leaving] = [raw(url, half), raw(url, half)]
    leaving.socket.end()
    await leaving.closed
    expect((await post(url)).status).toBe(201)
    expect(app.runs).toBe(1)
    stalling.socket.destroy()
  })

  test('a body that is announced as too long is refused before it is read', async () => {
    const app = application()
    const { url } = await start(adapter, [idempotent(features.space, { maxRequestBytes: 3 }), app.handler])
    const { status, headers } = await post(url, { body: '1234' })
    expect([status, headers['content-type']]).toEqual([413, 'application/problem+json'])
    expect((await post(url, { body: '123' })).status).toBe(201)
  })

  test('a damaged key in Redis is an error, and the handler does not run', async () => {
    const app = application()
    const { url, errors } = await start(adapter, [idempotent(features.space), app.handler])
    await post(url)
    const [key = ''] = await claims()
    for (const damage of [
      ['SET', key, 'nonsense'],
      ['DEL', key],
      ['LPUSH', key, 'a'],
    ]) {
      await features.raw.call(damage[0] as string, ...damage.slice(1))
      if (damage[0] !== 'DEL') expect((await post(url)).status).toBe(500)
    }
    await features.raw.del(key)
    await post(url)
    const text = (await features.raw.get(key)) as string
    await features.raw.set(key, `${text.slice(0, 44)}{"status"`)
    expect((await post(url)).status).toBe(500)
    expect(String(errors.at(-1))).toContain('cannot be read')
    expect(app.runs).toBe(2)
  })
})

test('two keys in one request, and a key of 8 KB, get 400', async () => {
  const app = application()
  const { url } = await start(node, [idempotent(features.space), app.handler])
  const twice = raw(
    url,
    'POST /orders HTTP/1.1\r\nHost: x\r\nConnection: close\r\nIdempotency-Key: a\r\nIdempotency-Key: b\r\n\r\n',
  )
  await twice.closed
  expect(twice.text).toContain(' 400 ')
  expect((await post(url, { key: 'k'.repeat(8000) })).status).toBe(400)
  expect((await post(url, { key: `"${'\\"'.repeat(4000)}"` })).status).toBe(400)
  expect(app.runs).toBe(0)
})

test('odd keys are keys like others, and no text of a client is in a name in Redis', async () => {
  const app = application()
  const { url } = await start(node, [idempotent(features.space), app.handler])
  const odd = [
    '{x}',
    '*',
    '__proto__',
    '"a, b; c"',
    '"\\"\\\\"',
    '" "',
    '../..',
    `"${'k'.repeat(255)}"`,
    '0',
    '#a',
  ]
  for (const key of odd) {
    expect((await post(url, { key })).status).toBe(201)
    expect((await post(url, { key })).headers['idempotent-replayed']).toBe('true')
  }
  expect(app.runs).toBe(odd.length)
  for (const name of await claims()) expect(name).toMatch(/^pk1:\{test\/\d+\}:request:http:[\w-]{43}$/)
  // With parameters, and without quotes, it is the same key.
  expect((await post(url, { key: '"__proto__"; a=1' })).headers['idempotent-replayed']).toBe('true')
})

test(`${KEYS} keys leave nothing in the process and only keys with a TTL in Redis`, async () => {
  const app = application(() => ({ status: 200, body: 'ok' }))
  const handler = idempotent(features.space, { window: '1h' })
  const { url } = await start(node, [handler, app.handler])
  const agent = new Agent({ keepAlive: true, maxSockets: 50 })
  const send = (key: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const sent = request(`${url}/orders`, { method: 'POST', agent, headers: { 'Idempotency-Key': key } })
      sent
        .on('response', (response) => response.resume().on('end', resolve))
        .on('error', reject)
        .end()
    })
  await Promise.all(Array.from({ length: KEYS }, (_, at) => send(`key-${at}`)))
  agent.destroy()
  const names = await claims()
  expect(names.length).toBe(KEYS)
  const ttls = (await features.raw.multi(names.map((name) => ['pttl', name])).exec()) as [unknown, number][]
  expect(ttls.every(([, ttl]) => ttl > 0 && ttl <= 3_600_000)).toBe(true)
  // Nothing runs any more, so it resolves at once.
  await handler.close?.(60_000)
}, 60_000)

test('at most 1,000 requests of a middleware wait; further ones get 409 at once', async () => {
  const hold = deferred()
  const app = application(async () => {
    await hold.promise
    return { status: 200 }
  })
  // In-process: a thousand sockets more are nothing that is tested here.
  const listener = node.listener([idempotent(features.space, { wait: '1h' }), app.handler], {}, [])
  const send = async (): Promise<number> => {
    const sent = { method: 'POST', url: '/orders', headers: { 'Idempotency-Key': KEY } } as const
    return (await inject(listener, sent)).statusCode
  }
  const first = send()
  await until('it runs', () => app.runs === 1)
  let refused = 0
  const all = Array.from({ length: 1050 }, async () => {
    const status = await send()
    if (status === 409) refused++
    return status
  })
  await until('the others are refused', () => refused === 50)
  hold.resolve()
  expect(await first).toBe(200)
  expect((await Promise.all(all)).filter((status) => status === 200).length).toBe(1000)
  expect(app.runs).toBe(1)
}, 60_000)

describe('while Redis is away', () => {
  test('requests get 503 and the handler does not run; with `open` they pass; both are events, and part of health', async () => {
    const proxy = await startProxy(features.server)
    const penknife = await openReady(pattern(proxy.url), { deadline: '200ms' })
    const space = penknife.space('test')
    const app = application()
    const closed = await start(node, [idempotent(space, { name: 'closed' }), app.handler])
    const open = await start(node, [
      idempotent(space, { name: 'open', whenUnavailable: 'open' }),
      app.handler,
    ])
    const events: unknown[] = []
    penknife.on((event) => event.kind === 'policy' && events.push(event))
    await proxy.leave()
    for (let nth = 0; nth < 3; nth++) {
      const refused = await post(closed.url)
      expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1'])
    }
    expect(app.runs).toBe(0)
    for (let nth = 0; nth < 3; nth++) expect((await post(open.url)).status).toBe(201)
    expect(app.runs).toBe(3)
    const policies = (await penknife.health()).policies.map(({ name, policy }) => ({ name, policy }))
    const decided = [
      { name: 'idempotent:closed', policy: 'closed' },
      { name: 'idempotent:open', policy: 'open' },
    ]
    expect(policies).toEqual(decided)
    expect(events).toMatchObject(decided.map((each) => ({ kind: 'policy', space: 'test', ...each })))
    await proxy.comeBack()
    await available(penknife)
    expect((await post(closed.url)).status).toBe(201)
  })

  test('a response is sent within the deadline, and stored when Redis is back', async () => {
    const proxy = await startProxy(features.server)
    const penknife = await openReady(pattern(proxy.url), { deadline: '200ms' })
    const hold = deferred()
    const app = application(async () => {
      await hold.promise
      return { status: 200, body: 'paid' }
    })
    const { url } = await start(node, [idempotent(penknife.space('test')), app.handler])
    const first = post(url)
    await until('it runs', () => app.runs === 1)
    await proxy.leave()
    hold.resolve()
    expect((await first).text).toBe('paid')
    await proxy.comeBack()
    await available(penknife)
    await until('it is stored', async () => (await post(url)).headers['idempotent-replayed'] === 'true')
    expect(app.runs).toBe(1)
  })

  test('a claim whose reply was lost is given up: the next request runs at once, not after the lease', async () => {
    const proxy = await startProxy(features.server)
    const penknife = await openReady(pattern(proxy.url), { deadline: '200ms' })
    const app = application()
    const { url } = await start(node, [idempotent(penknife.space('test'), { lease: '1h' }), app.handler])
    proxy.swallowReplies()
    expect((await post(url)).status).toBe(503)
    expect(app.runs).toBe(0)
    await until(
      'it is given up',
      async () => (await callsOf(features.raw, 'evalsha')) > 1 && (await claims()).length === 0,
    )
    proxy.pass()
    proxy.cut()
    await available(penknife)
    expect((await post(url)).status).toBe(201)
  })
})

test('a tenant that is missing is an error, never a shared tenant', async () => {
  const app = application()
  const { url, errors } = await start(node, [
    idempotent(features.space, { tenant: async ({ headers }) => headers['x-user'] as string }),
    app.handler,
  ])
  expect((await post(url)).status).toBe(500)
  expect(String(errors[0])).toContain('401')
  expect(
    (await call(`${url}/orders`, { method: 'POST', headers: { 'Idempotency-Key': 'k', 'x-user': 'ann' } }))
      .status,
  ).toBe(201)
  expect(app.runs).toBe(1)
})
