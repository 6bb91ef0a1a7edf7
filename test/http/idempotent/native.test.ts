import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { pipeline, Readable } from 'node:stream'

import { idempotent as forExpress } from '@penknife/express'
import { idempotent as forNode } from '@penknife/http'
import { begin, call, type Called } from '@penknife/http/testkit'
import { idempotent as forKoa } from '@penknife/koa'
import compression from 'compression'
import express from 'express'
import express4 from 'express4'
import Koa from 'koa'
import compress from 'koa-compress'
import Koa2 from 'koa2'
import inject from 'light-my-request'
import { describe, expect, onTestFinished, test } from 'vitest'

import { deferred } from '../../support/deferred.ts'
import { until } from '../../support/until.ts'
import { warningsOf } from '../../support/warnings.ts'
import { useFeatures } from '../setup.ts'
import { KEY } from './kit.ts'

// What handlers of the frameworks do with a response that is held back.

const features = useFeatures()
const tenant = (): string => 'ann'
const claims = (): Promise<string[]> => features.raw.keys('*:request:*')

async function listen(app: RequestListener): Promise<string> {
  const server = createServer(app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function post(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Called> {
  return call(`${url}/orders`, {
    method: 'POST',
    body: '{"sku":7}',
    headers: { 'Idempotency-Key': KEY, ...headers },
  })
}

/** A handler of node:http behind the middleware. */
function nodeApp(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
  once = forNode(features.space, { tenant }),
): RequestListener {
  return (request, response) =>
    void once(request, response).then((passed) => passed && handle(request, response))
}

const writers: Readonly<Record<string, (response: ServerResponse) => void>> = {
  'writeHead with an object': (response) =>
    response.writeHead(201, { 'content-type': 'text/x', etag: '"e"' }).end('one two'),
  'writeHead with a reason and a list': (response) =>
    response.writeHead(201, 'Made', ['Content-Type', 'text/x', 'ETag', '"e"'] as never).end('one two'),
  'several writes': (response) => {
    response.statusCode = 201
    response.setHeader('Content-Type', 'text/x')
    response.setHeader('ETag', '"e"')
    response.write('one')
    response.write(Buffer.from(' '), () => setImmediate(() => response.end('dHdv', 'base64')))
  },
  'a pipe': (response) => {
    response.writeHead(201, { 'Content-Type': 'text/x', ETag: '"e"' })
    Readable.from(['one', ' ', 'two']).pipe(response)
  },
  'pipeline()': (response) => {
    response.writeHead(201, { 'Content-Type': 'text/x', ETag: '"e"' })
    pipeline(Readable.from(['one', ' ', 'two']), response, (error) => {
      if (error) response.destroy(error)
    })
  },
  'an end that is called twice': (response) => {
    response.writeHead(201, { 'Content-Type': 'text/x', ETag: '"e"' }).end('one two')
    response.write('three')
    response.end('four')
  },
}

test.each(Object.entries(writers))('a response of %s is sent and replayed whole', async (_name, write) => {
  const url = await listen(nodeApp((_request, response) => write(response)))
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

test('to the handler a held response looks as if it was sent', async () => {
  const seen: unknown[] = []
  const url = await listen(
    nodeApp((_request, response) => {
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

test('a status that Node refuses is an error of the handler', async () => {
  const errors: unknown[] = []
  const url = await listen(
    nodeApp((_request, response) => {
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
      (_request, response) => {
        if (++runs === 1) {
          response.write('half')
          response.destroy()
        } else response.end('whole')
      },
      forNode(features.space, { tenant, lease: '1s' }),
    ),
  )
  await expect(post(url)).rejects.toThrow(/hang up|aborted|ECONNRESET/)
  let answer = await post(url)
  expect(answer.status).toBe(409)
  await until('the lease is over', async () => (answer = await post(url)).status !== 409)
  expect(answer.text).toBe('whole')
})

test('a handler that never answers is held for `maxRun`, not for ever', async () => {
  let runs = 0
  const once = forNode(features.space, { tenant, lease: '1s', maxRun: '1s' })
  const url = await listen(
    nodeApp((_request, response) => {
      if (++runs > 1) response.end('second')
    }, once),
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
    nodeApp((_request, response) => {
      runs++
      void hold.promise.then(() => response.end('paid'))
    }, once),
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

describe('with compression', () => {
  const page = 'x'.repeat(5000)
  const apps: Readonly<Record<string, () => RequestListener>> = {
    'above it in Express': () => {
      const app = express()
      app.use(compression({ threshold: 0 }), forExpress(features.space, { tenant }))
      return app.post('/orders', (_request, response) => void response.send(page))
    },
    'below it in Express': () => {
      const app = express()
      app.use(forExpress(features.space, { tenant }), compression({ threshold: 0 }))
      return app.post('/orders', (_request, response) => void response.send(page))
    },
    'above it in Koa': () => koa((app, once) => app.use(compress({ threshold: 0 })).use(once)),
    'below it in Koa': () => koa((app, once) => app.use(once).use(compress({ threshold: 0 }))),
  }

  function koa(mount: (app: Koa, once: ReturnType<typeof forKoa>) => void): RequestListener {
    const app = new Koa()
    mount(app, forKoa(features.space, { tenant }))
    app.use((context) => void (context.body = page))
    const callback = app.callback()
    return (request, response) => void callback(request, response)
  }

  test.each(Object.entries(apps))('%s the replay is the page', async (_name, app) => {
    const url = await listen(app())
    for (const replayed of [null, 'true']) {
      const answer = await fetch(`${url}/orders`, {
        method: 'POST',
        headers: { 'Idempotency-Key': KEY, 'Accept-Encoding': 'gzip' },
      })
      expect(answer.headers.get('idempotent-replayed')).toBe(replayed)
      expect(answer.headers.get('content-encoding')).toBe('gzip')
      expect(await answer.text()).toBe(page)
    }
  })
})

describe.each([
  ['Koa 3', Koa],
  ['Koa 2', Koa2],
])('a client of %s that left', (_name, Make) => {
  const bodies: Readonly<Record<string, readonly [body: unknown, stored: string]>> = {
    text: ['paid', 'paid'],
    JSON: [{ paid: true }, '{"paid":true}'],
    bytes: [Buffer.from('paid'), 'paid'],
    nothing: [null, ''],
  }

  async function leave(
    once: ReturnType<typeof forKoa>,
    handle: (context: Koa.Context) => void,
  ): Promise<string> {
    const hold = deferred()
    const left = deferred()
    const app = new Make()
    app.silent = true
    app.use(once)
    let runs = 0
    app.use(async (context) => {
      if (++runs === 1) {
        context.res.on('close', () => left.resolve())
        await hold.promise
      }
      handle(context)
    })
    const callback = app.callback()
    const url = await listen((request, response) => void callback(request, response))
    const sent = begin(`${url}/orders`, {
      method: 'POST',
      body: '{"sku":7}',
      headers: { 'Idempotency-Key': KEY },
    })
    sent.on('error', () => {})
    await until('it runs', () => runs === 1)
    sent.destroy()
    await left.promise
    hold.resolve()
    return url
  }

  test.each(Object.entries(bodies))(
    'gets its response at a repetition: %s',
    async (_kind, [body, stored]) => {
      const url = await leave(forKoa(features.space, { tenant, wait: '10s' }), (context) => {
        context.status = 200
        context.body = body
      })
      const answer = await post(url)
      expect([answer.text, answer.headers['idempotent-replayed']]).toEqual([stored, 'true'])
    },
  )

  test('runs again at a repetition when the handler threw', async () => {
    let runs = 0
    const url = await leave(forKoa(features.space, { tenant, wait: '10s' }), (context) => {
      if (++runs === 1) throw new Error('on purpose')
      context.body = 'second'
    })
    expect((await post(url)).text).toBe('second')
  })

  test('with a stream as body runs again when the lease is over', async () => {
    const url = await leave(forKoa(features.space, { tenant, wait: '10s', lease: '1s' }), (context) => {
      context.body = Readable.from(['paid'])
    })
    expect(await post(url)).toMatchObject({ status: 200, text: 'paid' })
  })
})

test.each([
  ['Express 5', express],
  ['Express 4', express4],
])('a client of %s that left gets its response at a repetition', async (_name, make) => {
  const hold = deferred()
  const left = deferred()
  let runs = 0
  const app = make()
  app.post('/orders', forExpress(features.space, { tenant, wait: '10s' }), (_request, response) => {
    runs++
    response.on('close', () => left.resolve())
    void hold.promise.then(() => response.status(201).json({ paid: true }))
  })
  const url = await listen(app)
  const sent = begin(`${url}/orders`, {
    method: 'POST',
    body: '{"sku":7}',
    headers: { 'Idempotency-Key': KEY },
  })
  sent.on('error', () => {})
  await until('it runs', () => runs === 1)
  sent.destroy()
  await left.promise
  hold.resolve()
  expect(await post(url)).toMatchObject({ status: 201, text: '{"paid":true}' })
  expect(runs).toBe(1)
})

describe('on HTTP/2', () => {
  async function serve(handle: (request: IncomingMessage, response: ServerResponse) => void) {
    const app = nodeApp(handle, forNode(features.space, { tenant, wait: '10s' }))
    const server = createHttp2Server((request, response) => app(request as never, response as never))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const session = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    onTestFinished(() => {
      session.destroy()
      server.close()
    })
    const open = () => {
      const stream = session.request({ ':path': '/orders', ':method': 'POST', 'idempotency-key': KEY })
      stream.on('error', () => {})
      stream.end('{"sku":7}')
      return stream
    }
    return {
      open,
      async post() {
        const stream = open()
        let headers: Record<string, unknown> = {}
        stream.on('response', (found) => (headers = found))
        let text = ''
        stream.setEncoding('utf8')
        for await (const chunk of stream) text += String(chunk)
        return {
          status: headers[':status'],
          type: headers['content-type'],
          text,
          replayed: headers['idempotent-replayed'],
        }
      },
    }
  }

  test.each(Object.entries(writers).filter(([name]) => !name.includes('reason')))(
    'a response of %s is sent and replayed whole',
    async (_kind, write) => {
      const server = await serve((_request, response) => write(response))
      expect(await server.post()).toEqual({
        status: 201,
        type: 'text/x',
        text: 'one two',
        replayed: undefined,
      })
      expect(await server.post()).toEqual({ status: 201, type: 'text/x', text: 'one two', replayed: 'true' })
    },
  )

  test('a client that resets its stream gets the response at a repetition', async () => {
    const hold = deferred()
    const left = deferred()
    let runs = 0
    const server = await serve((_request, response) => {
      runs++
      response.on('close', () => left.resolve())
      void hold.promise.then(() => response.writeHead(201, { 'Content-Type': 'text/x' }).end('paid'))
    })
    const stream = server.open()
    await until('it runs', () => runs === 1)
    stream.close(8)
    await left.promise
    hold.resolve()
    expect(await server.post()).toEqual({ status: 201, type: 'text/x', text: 'paid', replayed: 'true' })
    expect(runs).toBe(1)
  })
})

test('in-process requests (light-my-request) are stored and replayed', async () => {
  const app = nodeApp((_request, response) =>
    response.writeHead(201, { 'Content-Type': 'text/x' }).end('paid'),
  )
  const send = () =>
    inject(app, {
      method: 'POST',
      url: '/orders',
      payload: 'x',
      headers: { 'Idempotency-Key': KEY },
    })
  const first = await send()
  const second = await send()
  expect([first.statusCode, first.body, second.body]).toEqual([201, 'paid', 'paid'])
  expect(second.headers['idempotent-replayed']).toBe('true')
})

test('a forgetOnFailure that fails stores the response, and is said once', async () => {
  const heard = warningsOf('PENKNIFE_CALLBACK')
  let runs = 0
  const once = forNode(features.space, {
    tenant,
    forgetOnFailure: () => {
      throw new Error('on purpose')
    },
  })
  const url = await listen(
    nodeApp((_request, response) => {
      runs++
      response.writeHead(500).end('x')
    }, once),
  )
  await post(url)
  await post(url)
  expect(runs).toBe(1)
  await until('it is said', () => heard.some((text) => text.includes('forgetOnFailure')))
})

test('a fingerprint of its own lets bodies differ, and its text may be long', async () => {
  const url = await listen(
    nodeApp(
      (_request, response) => response.end('paid'),
      forNode(features.space, { tenant, fingerprint: (_exchange, body) => String(body.length).repeat(1000) }),
    ),
  )
  await post(url)
  const same = await call(`${url}/orders`, {
    method: 'POST',
    body: '123456789',
    headers: { 'Idempotency-Key': KEY },
  })
  expect(same.headers['idempotent-replayed']).toBe('true')
  const other = await call(`${url}/orders`, {
    method: 'POST',
    body: '1',
    headers: { 'Idempotency-Key': KEY },
  })
  expect(other.status).toBe(422)
})
