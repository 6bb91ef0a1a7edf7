import { createServer } from 'node:http'

import { begin, call } from '@penknife/http/testkit'
import { describe, expect, test } from 'vitest'

import { deferred } from '../../support/deferred.ts'
import { callsOf } from '../../support/redis.ts'
import { until } from '../../support/until.ts'
import { frameworks } from '../frameworks.ts'
import { start, useFeatures } from '../setup.ts'
import { application, idempotent, KEY, post } from './kit.ts'

const features = useFeatures()

const node = frameworks.find(({ name }) => name === 'node:http') as (typeof frameworks)[number]

const INVALID = ['""', '"a', 'a b', '"a", "b"', 'a,b', 'schlüssel', '"a\\n"', `"${'k'.repeat(256)}"`]

const running = (): Promise<void> =>
  until('the handler runs', async () => (await features.raw.keys('*:request:*')).length === 1)

describe.each(frameworks)('idempotent on $name', (adapter) => {
  test('a first request runs the handler; a repetition gets the same response, marked as replayed', async () => {
    const app = application()
    const { url } = await start(adapter, [idempotent(features.space), app.handler])
    const first = await post(url)
    const second = await post(url)
    expect([first.status, first.text, first.headers.location]).toEqual([201, '{"order":1}', '/orders/1'])
    expect([second.status, second.text, second.headers.location]).toEqual([201, '{"order":1}', '/orders/1'])
    expect(second.headers['content-type']).toBe(first.headers['content-type'])
    expect(first.headers['idempotent-replayed']).toBeUndefined()
    expect(second.headers['idempotent-replayed']).toBe('true')
    expect(app.runs).toBe(1)
  })

  test('a request without a key gets 400; with `required: false` it passes', async () => {
    const app = application()
    const strict = await start(adapter, [idempotent(features.space), app.handler])
    const lax = await start(adapter, [idempotent(features.space, { required: false }), app.handler])
    const refused = await call(`${strict.url}/orders`, { method: 'POST' })
    expect(refused.status).toBe(400)
    expect(refused.headers['content-type']).toBe('application/problem+json')
    expect(JSON.parse(refused.text)).toMatchObject({ status: 400, title: 'Idempotency-Key is missing' })
    expect(app.runs).toBe(0)
    expect((await call(`${lax.url}/orders`, { method: 'POST' })).status).toBe(201)
  })

  test('a key that is not valid gets 400', async () => {
    const app = application()
    const { url } = await start(adapter, [idempotent(features.space), app.handler])
    for (const key of INVALID) {
      const { status, text } = await post(url, { key: Buffer.from(key).toString('latin1') })
      expect([key, status, JSON.parse(text).title]).toEqual([key, 400, 'Idempotency-Key is not valid'])
    }
    expect(app.runs).toBe(0)
  })

  test('a key for another payload gets 422, also while the first request runs', async () => {
    const hold = deferred()
    const app = application(async () => {
      await hold.promise
      return { status: 200, body: 'paid' }
    })
    const { url } = await start(adapter, [idempotent(features.space), app.handler])
    const first = post(url)
    await running()
    const during = await post(url, { body: '{"sku":8}' })
    hold.resolve()
    expect((await first).status).toBe(200)
    const after = await post(url, { body: '{"sku":8}' })
    const query = await call(`${url}/orders?sku=8`, {
      method: 'POST',
      body: '{"sku":7}',
      headers: { 'Idempotency-Key': KEY, 'Content-Type': 'application/json' },
    })
    const type = await post(url, { headers: { 'Content-Type': 'text/plain' } })
    const charset = await post(url, { headers: { 'Content-Type': 'Application/JSON;charset=utf-8' } })
    expect(charset.status).toBe(200)
    for (const { status, text } of [during, after, query, type]) {
      expect([status, JSON.parse(text).title]).toEqual([422, 'Idempotency-Key is already used'])
    }
    expect(app.runs).toBe(1)
  })

  test('a repetition gets 409 while the first request runs, then the response', async () => {
    const hold = deferred()
    const app = application(async () => {
      await hold.promise
      return { status: 200, body: 'paid' }
    })
    const { url } = await start(adapter, [idempotent(features.space), app.handler])
    const first = post(url)
    await running()
    const second = await post(url)
    expect([second.status, second.headers['retry-after']]).toEqual([409, '1'])
    expect(JSON.parse(second.text).title).toBe('A request is outstanding for this Idempotency-Key')
    hold.resolve()
    expect((await first).text).toBe('paid')
    expect(await post(url)).toMatchObject({ status: 200, text: 'paid' })
    expect(app.runs).toBe(1)
  })

  test('with `wait`, 20 concurrent requests run the handler once and all get its response', async () => {
    const hold = deferred()
    const app = application(async () => {
      await hold.promise
      return { status: 200, body: 'paid' }
    })
    const { url } = await start(adapter, [idempotent(features.space, { wait: '20s' }), app.handler])
    const all = Array.from({ length: 20 }, () => post(url))
    await until('19 of them wait', async () => (await callsOf(features.raw, 'ssubscribe')) === 1)
    hold.resolve()
    const answers = await Promise.all(all)
    expect(answers.map(({ status, text }) => `${status} ${text}`)).toEqual(all.map(() => '200 paid'))
    expect(answers.filter(({ headers }) => headers['idempotent-replayed'] === 'true').length).toBe(19)
    expect(app.runs).toBe(1)
  })

  test('with `wait`, a request with another payload that waits gets 422', async () => {
    const hold = deferred()
    const app = application(async () => {
      await hold.promise
      return { status: 200 }
    })
    const { url } = await start(adapter, [idempotent(features.space, { wait: '150ms' }), app.handler])
    const first = post(url)
    await running()
    expect((await post(url, { body: 'other' })).status).toBe(422)
    // The wait ends before the first request.
    expect((await post(url)).status).toBe(409)
    hold.resolve()
    expect((await first).status).toBe(200)
  })

  test('a response of 500, 503, 408, 425 or 429 is not stored: a repetition runs again', async () => {
    const bad = [500, 503, 408, 425, 429]
    let run = 0
    const app = application(() => {
      run += 1
      return { status: run % 2 === 1 ? (bad[(run - 1) / 2] as number) : 200, body: `run ${run}` }
    })
    const { url } = await start(adapter, [idempotent(features.space), app.handler])
    for (const [at, status] of bad.entries()) {
      const key = `"${status}"`
      expect(await post(url, { key })).toMatchObject({ status, text: `run ${2 * at + 1}` })
      for (let times = 0; times < 2; times++)
        expect(await post(url, { key })).toMatchObject({ status: 200, text: `run ${2 * at + 2}` })
      expect(app.runs).toBe(2 * at + 2)
    }
  })

  test('a handler that throws is forgotten; with `forgetOnFailure: false` its error page is replayed', async () => {
    const failing = application((_exchange, run) => {
      if (run === 1) throw new Error('on purpose')
      return { status: 200, body: `run ${run}` }
    })
    const { url } = await start(adapter, [idempotent(features.space), failing.handler])
    expect((await post(url)).status).toBe(500)
    expect((await post(url)).text).toBe('run 2')

    const keeping = application(() => {
      throw new Error('on purpose')
    })
    const kept = await start(adapter, [
      idempotent(features.space, { name: 'kept', forgetOnFailure: false }),
      keeping.handler,
    ])
    const first = await post(kept.url)
    const second = await post(kept.url)
    expect([first.status, second.status, keeping.runs]).toEqual([500, 500, 1])
    expect(second.text).toBe(first.text)
  })

  test('a 4xx of the handler is stored and replayed', async () => {
    const app = application(() => ({ status: 402, body: 'card declined' }))
    const { url } = await start(adapter, [idempotent(features.space), app.handler])
    await post(url)
    expect(await post(url)).toMatchObject({ status: 402, text: 'card declined' })
    expect(app.runs).toBe(1)
  })

  test('keys of another tenant, method, path or name are other keys', async () => {
    const app = application()
    const { url } = await start(adapter, [
      idempotent(features.space, { tenant: ({ headers }) => String(headers['x-user'] ?? 'ann') }),
      idempotent(features.space, { name: 'second' }),
      app.handler,
    ])
    await post(url)
    await post(url, { headers: { 'x-user': 'bob' } })
    await post(url, { method: 'PATCH' })
    await call(`${url}/refunds`, { method: 'POST', body: '{"sku":7}', headers: { 'Idempotency-Key': KEY } })
    expect(app.runs).toBe(4)
    await post(url, { key: KEY })
    expect(app.runs).toBe(4)
  })

  test('other methods pass without a key', async () => {
    const app = application(() => ({ status: 200 }))
    const { url } = await start(adapter, [idempotent(features.space), app.handler])
    for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS']) {
      expect((await call(`${url}/orders`, { method })).status).toBe(200)
    }
    expect(app.runs).toBe(4)
  })

  test('the handler still gets the whole body, and its own writes are stored', async () => {
    const { url } = await start(adapter, [idempotent(features.space)])
    const echo = (body: string | readonly string[]) =>
      call(`${url}/echo`, { method: 'POST', body, headers: { 'Idempotency-Key': KEY } })
    expect(await echo(['one ', 'two ', 'three'])).toMatchObject({ status: 200, text: 'one two three' })
    const again = await echo('one two three')
    expect([again.text, again.headers['idempotent-replayed']]).toEqual(['one two three', 'true'])
  })

  test('below a body parser it needs the raw body that the parser kept', async () => {
    const app = application()
    const handlers = [idempotent(features.space), app.handler]
    const kept = await start(adapter, handlers, { bodyParser: 'text' })
    expect((await post(kept.url, { headers: { 'Content-Type': 'text/plain' } })).status).toBe(201)
    const lost = await start(adapter, handlers, { bodyParser: 'json' })
    expect((await post(lost.url, { key: 'other' })).status).toBe(500)
    expect(String(lost.errors[0])).toContain('request.rawBody = bytes')
    expect(app.runs).toBe(1)
  })

  test('a client that leaves does not stop the handler: its repetition gets the response', async () => {
    const hold = deferred()
    const left = deferred()
    const app = application(async (exchange) => {
      exchange.onFinish(() => left.resolve())
      await hold.promise
      return { status: 200, body: 'paid' }
    })
    const { url } = await start(adapter, [idempotent(features.space, { wait: '20s' }), app.handler])
    const sent = begin(`${url}/orders`, {
      method: 'POST',
      body: '{"sku":7}',
      headers: { 'Idempotency-Key': KEY, 'Content-Type': 'application/json' },
    })
    sent.on('error', () => {})
    await running()
    sent.destroy()
    await left.promise
    const second = post(url)
    await until('it waits', async () => (await callsOf(features.raw, 'ssubscribe')) > 0)
    hold.resolve()
    expect(await second).toMatchObject({ status: 200, text: 'paid' })
    expect(app.runs).toBe(1)
  })

  test('Set-Cookie and headers that are not on the list are not replayed', async () => {
    const app = application(() => ({
      status: 200,
      headers: {
        'Set-Cookie': ['a=1', 'b=2'],
        'X-Order': '7',
        'X-Trace': '8',
        Link: ['<a>', '<b>'],
        ETag: '"e"',
      },
      body: Buffer.from([0xff, 0, 1]),
    }))
    const { url } = await start(adapter, [idempotent(features.space, { headers: ['X-Order'] }), app.handler])
    const first = await post(url)
    const second = await post(url)
    expect(first.headers['set-cookie']).toEqual(['a=1', 'b=2'])
    expect(second.headers).toMatchObject({ 'x-order': '7', link: '<a>, <b>', etag: '"e"' })
    expect(second.headers['set-cookie']).toBeUndefined()
    expect(second.headers['x-trace']).toBeUndefined()
    expect(second.text).toBe(first.text)
    expect(second.headers['content-length']).toBe('3')
  })

  test('an empty response is replayed as one', async () => {
    const app = application((_exchange, run) => ({ status: run === 1 ? 204 : 200 }))
    const { url } = await start(adapter, [idempotent(features.space), app.handler])
    await post(url)
    expect(await post(url)).toMatchObject({ status: 204, text: '' })
    await post(url, { key: 'b' })
    const empty = await post(url, { key: 'b' })
    expect([empty.status, empty.text, empty.headers['content-type']]).toEqual([200, '', undefined])
  })

  test('a response above the cap is sent; a repetition gets 409 with the reason and does not run again', async () => {
    const app = application(() => ({ status: 200, body: 'x'.repeat(2000) }))
    const { url } = await start(adapter, [
      idempotent(features.space, { maxResponseBytes: 1000 }),
      app.handler,
    ])
    expect((await post(url)).text.length).toBe(2000)
    const { status, text } = await post(url)
    expect([status, JSON.parse(text).detail]).toEqual([
      409,
      expect.stringContaining('longer than 1000 bytes'),
    ])
    expect(app.runs).toBe(1)
  })

  test('a handler that streams is refused with the fix, and the request is forgotten', async () => {
    const streaming = (): never => ({ status: 200, stream: () => {} }) as never
    const { url, errors } = await start(adapter, [idempotent(features.space), application(streaming).handler])
    expect((await post(url)).status).toBe(500)
    expect(String(errors[0])).toContain('mount idempotent only on the routes that do')
    await until('it is forgotten', async () => (await features.raw.keys('*:request:*')).length === 0)
  })

  test('the response is stored before the client has it, with the retention as its TTL', async () => {
    const app = application()
    const { url } = await start(adapter, [idempotent(features.space), app.handler])
    await post(url)
    const [key = ''] = await features.raw.keys('*:request:*')
    expect(key).toMatch(/^pk1:\{test\/\d+\}:request:http:[\w-]{43}$/)
    expect(await features.raw.get(key)).toContain('{"order":1}')
    expect(await features.raw.pttl(key)).toBeGreaterThan(86_300_000)
    expect(await callsOf(features.raw, 'evalsha')).toBeGreaterThanOrEqual(2)
  })
})

test('200 concurrent requests with one key run the handler once', async () => {
  const app = application()
  const { url } = await start(node, [idempotent(features.space), app.handler])
  const answers = await Promise.all(Array.from({ length: 200 }, () => post(url)))
  expect(app.runs).toBe(1)
  expect(new Set(answers.map(({ status }) => status))).toSatisfy((statuses: Set<number>) =>
    [...statuses].every((status) => status === 201 || status === 409),
  )
})

test('wrong options are refused with the fix', () => {
  const make = (options: object) => () => idempotent(features.space, options)
  expect(make({ tenant: undefined })).toThrow("() => 'all'")
  expect(make({ methods: ['GET'] })).toThrow('POST, PUT, PATCH, DELETE')
  expect(make({ headers: ['Set-Cookie'] })).toThrow('never replayed')
  expect(make({ retention: '1h' })).toThrow('no such option')
  expect(make({ lease: '1m', maxRun: '30s' })).toThrow('maxRun')
  expect(make({ whenUnavailable: 'throw' })).toThrow("'closed' or 'open'")
  expect(make({ place: 'here' })).toThrow("'spread' or 'space'")
  expect(() => idempotent(createServer() as never)).toThrow('space')
})
