import { once } from 'node:events'
import { type ClientHttp2Session, type ClientHttp2Stream, connect, createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'

import { type CapturedBody, type Finish, type Handler, PASS, type StreamWriter } from '@penknife/http'
import { notificationsPlugin, rateLimitPlugin } from '@penknife/http/adapter'
import { expect, onTestFinished, test } from 'vitest'

import { until } from '../support/until.ts'
import { nodeApp } from './frameworks.ts'
import { useFeatures } from './setup.ts'

const features = useFeatures()

interface Served {
  readonly session: ClientHttp2Session
  readonly errors: unknown[]
}

/** The test kit's application over HTTP/2, and a client of it. */
async function serve(...handlers: Handler[]): Promise<Served> {
  const errors: unknown[] = []
  const app = nodeApp(handlers, {}, errors)
  // The objects of the compatibility API work like those of HTTP/1, but have other types.
  const server = createServer((request, response) => app(request as never, response as never))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  onTestFinished(() => {
    session.destroy()
    server.close()
  })
  return { session, errors }
}

interface Called {
  readonly status: number
  readonly headers: Record<string, unknown>
  readonly text: string
}

async function call({ session }: Served, path: string, method = 'GET', body?: string): Promise<Called> {
  const stream = session.request({ ':path': path, ':method': method })
  stream.end(body)
  const headers = await head(stream)
  let text = ''
  stream.setEncoding('utf8')
  for await (const chunk of stream) text += String(chunk)
  return { status: Number(headers[':status']), headers, text }
}

async function head(stream: ClientHttp2Stream): Promise<Record<string, unknown>> {
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>]
  return headers
}

test('requests, replies, raw bodies and finishes are the same over HTTP/2', async () => {
  const finishes: Finish[] = []
  const captures: CapturedBody[] = []
  const bodies: string[] = []
  const look: Handler = async (exchange) => {
    exchange.onFinish((finish) => finishes.push(finish))
    void exchange.captureBody(100).then((captured) => captures.push(captured))
    bodies.push(Buffer.from(await exchange.rawBody(100)).toString())
    return exchange.path === '/reply' ? { status: 418, body: { query: exchange.query.get('q') } } : PASS
  }
  const served = await serve(look)
  expect(await call(served, '/echo', 'POST', 'hello')).toMatchObject({ status: 200, text: 'hello' })
  expect(await call(served, '/reply?q=1')).toMatchObject({ status: 418, text: '{"query":"1"}' })
  expect((await call(served, '/echo', 'POST', 'x'.repeat(101))).status).toBe(413)
  await until('three finishes', () => finishes.length === 3)
  expect(bodies).toEqual(['hello', ''])
  expect(
    finishes.map(({ status, bytesIn, bytesOut, aborted }) => [status, bytesIn, bytesOut, aborted]),
  ).toEqual([
    [200, 5, 5, false],
    [418, 0, 13, false],
    [413, 101, 0, false],
  ])
  expect(captures.map(({ complete, body }) => [complete, Buffer.from(body).toString()])).toEqual([
    [true, 'hello'],
    [true, '{"query":"1"}'],
    [true, ''],
  ])
})

test('a client that disconnects before the answer aborts the signal over HTTP/2', async () => {
  const finishes: Finish[] = []
  let arrived = false
  const wait: Handler = async (exchange) => {
    exchange.onFinish((finish) => finishes.push(finish))
    const aborted = once(exchange.signal, 'abort')
    arrived = true
    await aborted
    return { status: 200, body: 'to nobody' }
  }
  const served = await serve(wait)
  const stream = served.session.request({ ':path': '/' })
  stream.on('error', () => {})
  await until('the request arrived', () => arrived)
  stream.close(8)
  await until('it finished', () => finishes.length === 1)
  expect(finishes[0]).toMatchObject({ status: 499, aborted: true })
  expect(served.errors).toEqual([])
})

test('a connection that breaks ends all its requests over HTTP/2, and gives their slots back', async () => {
  const finishes: Finish[] = []
  let arrived = 0
  const busy = features.limiter({
    name: 'busy',
    rules: [{ name: 'calls', algorithm: 'concurrency', limit: 3, lease: '1m' }],
  })
  const limit = rateLimitPlugin.setup(busy, { key: () => 'ann' })
  const hold: Handler = (exchange) => {
    exchange.onFinish((finish) => finishes.push(finish))
    arrived++
    return new Promise(() => {})
  }
  const served = await serve(limit, hold)
  for (let nth = 0; nth < 3; nth++) served.session.request({ ':path': '/' }).on('error', () => {})
  await until('all arrived', () => arrived === 3)
  served.session.destroy()
  await until('all finished', () => finishes.length === 3)
  expect(finishes.map(({ status, aborted }) => [status, aborted])).toEqual(
    Array.from({ length: 3 }, () => [499, true]),
  )
  await until('no slot is taken', async () => (await busy.take('ann', { cost: 0 })).remaining === 3)
  expect(served.errors).toEqual([])
})

test('rate limits and notifications work over HTTP/2, without connection headers', async () => {
  const notifier = features.notifier()
  const events = notificationsPlugin.setup(notifier, { channels: ['a'] })
  const limit = rateLimitPlugin.setup(features.limiter())
  const served = await serve((exchange) => (exchange.path === '/events' ? events(exchange) : limit(exchange)))
  for (const status of [200, 200, 200, 429]) expect((await call(served, '/items/7')).status).toBe(status)
  const stream = served.session.request({ ':path': '/events' })
  const headers = await head(stream)
  expect(headers).toMatchObject({ ':status': 200, 'cache-control': 'no-cache, no-transform' })
  expect(headers['connection']).toBeUndefined()
  let text = ''
  stream.setEncoding('utf8').on('data', (chunk) => (text += String(chunk)))
  await until('a position', () => text.includes('id: '))
  await notifier.publish('a', 'over HTTP/2')
  await until('the event', () => text.includes('data: {"channel":"a","data":"over HTTP/2"}'))
  await events.close?.(10_000)
  await until('the end', () => stream.closed)
  expect(served.errors).toEqual([])
})

test('a stalled stream is cut off and its connection continues', async () => {
  const writers: StreamWriter[] = []
  const flood: Handler = ({ path }) => {
    if (path !== '/flood') return PASS
    return {
      status: 200,
      maxUnsentBytes: 100_000,
      stream(writer) {
        writers.push(writer)
        const more = (): void => {
          writer.write('x'.repeat(10_000))
          if (!writer.closed) setImmediate(more)
        }
        more()
      },
    }
  }
  const served = await serve(flood)
  const stream = served.session.request({ ':path': '/flood' })
  stream.on('error', () => {})
  await until('the stream was cut off', () => writers[0]?.closed === true)
  expect((await call(served, '/items/7')).text).toBe('{"id":"7"}')
  expect(served.errors).toEqual([])
})
