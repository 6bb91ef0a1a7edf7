import { once as event } from 'node:events'
import { type ServerResponse } from 'node:http'

import { idempotent as forExpress } from '@penknife/express'
import { idempotent as forNode } from '@penknife/http'
import { begin } from '@penknife/http/testkit'
import express from 'express'
import { expect, test } from 'vitest'

import { deferred } from '../../support/deferred.ts'
import { until } from '../../support/until.ts'
import { useFeatures } from '../setup.ts'
import { KEY } from './kit.ts'
import { listen, nodeApp, post, tenant, writers } from './native.ts'

// What handlers of node:http do with a response that is held back.

const features = useFeatures()
const claims = (): Promise<string[]> => features.raw.keys('*:request:*')

test.each(Object.entries(writers))('a response of %s is sent and replayed whole', async (_name, write) => {
  const url = await listen(nodeApp(features.space, (_request, response) => write(response)))
  const first = await post(url)
  const second = await post(url)
  for (const answer of [first, second]) {
    expect(answer).toMatchObject({
      status: 201,
      text: 'one two',
      headers: { 'content-type': 'text/x', etag: '"e"' },
    })
  }
  expect(second.headers['idempotent-replayed']).toBe('true')
})

test('a response above the cap is sent as it is written, with back-pressure, and noted before its first byte', async () => {
  let drained = 0
  let noted: string | null = null
  const part = 'x'.repeat(100_000)
  const url = await listen(
    nodeApp(
      features.space,
      async (_request, response) => {
        const [name = ''] = await claims()
        expect(response.write(part)).toBe(false)
        response.once('drain', () => drained++)
        await event(response, 'drain')
        noted = await features.raw.get(name)
        response.write(part)
        response.end(part)
      },
      forNode(features.space, { tenant, maxResponseBytes: 1000 }),
    ),
  )
  expect((await post(url)).text).toBe(part.repeat(3))
  expect([drained, String(noted).slice(44)]).toEqual([1, 'it is longer than 1000 bytes'])
  expect((await post(url)).status).toBe(409)
})

test('to the handler a held response appears to be sent', async () => {
  const seen: unknown[] = []
  const url = await listen(
    nodeApp(features.space, (_request, response) => {
      seen.push(response.headersSent, response.writableEnded)
      response.write('a')
      seen.push(response.headersSent, response.writableEnded)
      response.on('finish', () => seen.push(response.headersSent, response.writableEnded))
      response.end('b', () => seen.push('ended'))
      seen.push(response.headersSent, response.writableEnded)
      expect(() => response.writeHead(500)).toThrow('after they are sent')
    }),
  )
  expect((await post(url)).text).toBe('ab')
  await until('it is finished', () => seen.length === 9)
  expect(seen.slice(0, 6)).toEqual([false, false, true, false, true, true])
  expect(new Set(seen.slice(6))).toEqual(new Set(['ended', true]))
})

test('a status and a chunk that Node refuses are errors of the handler', async () => {
  const errors: unknown[] = []
  const url = await listen(
    nodeApp(features.space, (_request, response) => {
      for (const chunk of [7, {}, Symbol('x')])
        expect(() => response.end(chunk as never)).toThrow('text or bytes')
      expect(() => response.write(null)).toThrow('text or bytes')
      response.statusCode = 42
      try {
        response.end('x')
      } catch (error) {
        errors.push(error)
        response.statusCode = 500
        response.end()
      }
    }),
  )
  expect((await post(url)).status).toBe(500)
  expect(errors).toHaveLength(1)
  expect(await claims()).toEqual([])
})

test('event streams and flushHeaders are errors of the handler, before anything was sent', async () => {
  for (const stream of [
    (response: ServerResponse) => response.flushHeaders(),
    (response: ServerResponse) => void response.writeHead(200, { 'Content-Type': 'text/event-stream' }),
    (response: ServerResponse) => {
      response.setHeader('Content-Type', 'text/event-stream; charset=utf-8')
      response.write('data: 1\n\n')
    },
  ]) {
    const app = express()
    app.post('/orders', forExpress(features.space, { tenant }), (_request, response) => stream(response))
    app.use(((error, _request, response, _next) => {
      response.status(500).type('text').send(String(error))
    }) as express.ErrorRequestHandler)
    const { status, text } = await post(await listen(app))
    expect([status, text]).toEqual([
      500,
      expect.stringContaining('mount idempotent only on the routes that do'),
    ])
    expect(await claims()).toEqual([])
  }
})

test('a response that breaks off in the middle is not stored; its claim is no longer renewed', async () => {
  let runs = 0
  const url = await listen(
    nodeApp(
      features.space,
      (_request, response) => {
        if (++runs === 1) {
          response.write('half')
          response.destroy()
        } else response.end('whole')
      },
      forNode(features.space, { tenant, lease: '3s' }),
    ),
  )
  await expect(post(url)).rejects.toThrow(/hang up|aborted|ECONNRESET/)
  let answer = await post(url)
  expect(answer.status).toBe(409)
  await until('the lease is over', async () => (answer = await post(url)).status !== 409)
  expect(answer.text).toBe('whole')
})

test('a handler that never answers is held for `maxRun`, not without a limit', async () => {
  let runs = 0
  const once = forNode(features.space, { tenant, lease: '1s', maxRun: '1s' })
  const url = await listen(
    nodeApp(
      features.space,
      (_request, response) => {
        if (++runs > 1) response.end('second')
      },
      once,
    ),
  )
  const stuck = begin(`${url}/orders`, {
    method: 'POST',
    body: '{"sku":7}',
    headers: { 'Idempotency-Key': KEY },
  })
  stuck.on('error', () => {})
  await until('it runs', () => runs === 1)
  await until('another takes over', async () => (await post(url)).text === 'second')
  // Its request is forgotten: close() waits for nothing.
  await once.close({ deadline: '1m' })
  stuck.destroy()
})

test('close() waits until running requests are stored', async () => {
  const hold = deferred()
  const once = forNode(features.space, { tenant })
  let runs = 0
  const url = await listen(
    nodeApp(
      features.space,
      (_request, response) => {
        runs++
        void hold.promise.then(() => response.end('paid'))
      },
      once,
    ),
  )
  const first = post(url)
  await until('it runs', () => runs === 1)
  let closed = false
  const closing = once.close().then(() => (closed = true))
  await new Promise((resolve) => setImmediate(resolve))
  expect(closed).toBe(false)
  hold.resolve()
  await closing
  expect((await features.raw.get((await claims())[0] as string))?.slice(44)).toContain('paid')
  expect((await first).text).toBe('paid')
})

test('a middleware that is mounted twice claims a request once', async () => {
  const app = express()
  app.use(forExpress(features.space, { tenant }))
  app.post(
    '/orders',
    forExpress(features.space, { tenant }),
    (_request, response) => void response.send('paid'),
  )
  const url = await listen(app)
  expect((await post(url)).text).toBe('paid')
  expect((await post(url)).headers['idempotent-replayed']).toBe('true')
})
