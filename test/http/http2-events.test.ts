import { once } from 'node:events'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  createServer,
  type Http2ServerResponse,
} from 'node:http2'
import type { AddressInfo } from 'node:net'

import type { Notifier } from '@penknife/core'
import { type NodeMiddleware, notifications, type NotificationsOptions } from '@penknife/http'
import { notifications as koaNotifications } from '@penknife/koa'
import Koa3 from 'koa'
import Koa2 from 'koa2'
import { describe, expect, onTestFinished, test } from 'vitest'

import { until } from '../support/until.ts'
import { useFeatures } from './setup.ts'

const features = useFeatures()

type Listener = (request: never, response: never) => void

interface App {
  readonly listener: Listener
  close(): Promise<void>
}

/** Express builds on the classes of HTTP/1.1 and cannot serve HTTP/2. */
const apps: Record<string, (notifier: Notifier, options: NotificationsOptions) => App> = {
  'node:http2'(notifier, options) {
    const events: NodeMiddleware = notifications(notifier, options)
    return {
      listener: (request, response) => void events(request, response),
      close: () => events.close(),
    }
  },
  'Koa 3': (notifier, options) => koa(new Koa3(), notifier, options),
  'Koa 2': (notifier, options) => koa(new Koa2(), notifier, options),
}

function koa(app: Koa3, notifier: Notifier, options: NotificationsOptions): App {
  const events = koaNotifications(notifier, options)
  app.use(events)
  app.on('error', (error) => {
    throw error
  })
  const callback = app.callback() as Listener
  return { listener: callback, close: () => events.close() }
}

interface Client {
  readonly stream: ClientHttp2Stream
  readonly headers: Record<string, unknown>
  /** Each event as `<type>:<data>`. The data of a message is the published data. */
  readonly events: readonly string[]
  readonly text: string
  readonly lastId: string
}

async function follow(session: ClientHttp2Session, path: string, lastId?: string): Promise<Client> {
  const stream = session.request({
    ':path': path,
    ...(lastId === undefined ? {} : { 'last-event-id': lastId }),
  })
  stream.on('error', () => {})
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>]
  let text = ''
  let parsed = 0
  const events: string[] = []
  /** Parses what came since the last call: tests ask again and again while a megabyte comes. */
  function parse(): readonly string[] {
    const end = text.lastIndexOf('\n\n') + 2
    if (end <= parsed) return events
    for (const [, type, json] of text.slice(parsed, end).matchAll(/^event: (.*)\ndata: (.*)\n\n/gm)) {
      const { data, channel, reason } = JSON.parse(json as string) as Record<string, unknown>
      events.push(`${type}:${String(data ?? reason ?? channel)}`)
    }
    parsed = end
    return events
  }
  stream.setEncoding('utf8').on('data', (chunk) => (text += String(chunk)))
  const client = {
    stream,
    headers,
    get text() {
      return text
    },
    get events() {
      return parse()
    },
    get lastId() {
      return /^id: (.*)$/m.exec(text.slice(text.lastIndexOf('\nid: ') + 1))?.[1] ?? ''
    },
  }
  await until('a position', () => client.lastId !== '' || stream.closed)
  return client
}

test('HEAD is answered over HTTP/2, where its stream is ended from the start', async () => {
  const events = notifications(features.notifier(), { channels: ['a'] })
  const server = createServer((request, response) => void events(request as never, response as never))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  onTestFinished(() => {
    session.destroy()
    server.close()
  })
  const [answer] = (await once(session.request({ ':path': '/', ':method': 'HEAD' }), 'response')) as [object]
  expect(answer).toMatchObject({ ':status': 200, 'content-type': 'text/event-stream; charset=utf-8' })
})

describe.each(Object.entries(apps))('events over HTTP/2 on %s', (name, make) => {
  async function serve(options: Partial<NotificationsOptions> = {}) {
    const notifier = features.notifier({ name: name.replaceAll(/\W/g, '-'), history: 10_000 })
    const app = make(notifier, {
      channels: ({ query }) => query.getAll('channel'),
      user: ({ query }) => query.get('user') ?? undefined,
      ...options,
    })
    const responses: Http2ServerResponse[] = []
    const server = createServer((request, response) => {
      responses.push(response)
      app.listener(request as never, response as never)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    onTestFinished(() => {
      session.destroy()
      server.close()
    })
    return { notifier, session, app, responses }
  }

  test('many streams share a session, without headers that HTTP/2 forbids, and a stream resumes', async () => {
    const { notifier, session } = await serve()
    const clients = await Promise.all([1, 2, 3].map(() => follow(session, '/?channel=a&channel=b')))
    for (const { headers } of clients) {
      expect(headers).toMatchObject({
        ':status': 200,
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-cache, no-transform',
      })
      for (const forbidden of ['connection', 'keep-alive', 'transfer-encoding', 'content-length']) {
        expect(headers[forbidden]).toBeUndefined()
      }
    }
    await notifier.publish('a', 1)
    for (const client of clients) await until('it came', () => client.events.length === 1)
    const { lastId, stream } = clients[0]!
    stream.close()
    await notifier.publish('b', 2)
    await notifier.publish('a', 3)
    const again = await follow(session, '/?channel=a&channel=b', lastId)
    await until('the rest came', () => again.events.length === 2)
    expect(again.events.toSorted()).toEqual(['message:2', 'message:3'])
    await until('others got them too', () => clients[1]!.events.length === 3)
  })

  test('a client that does not read delays no other stream, and gets everything from the history', async () => {
    const { notifier, session, responses } = await serve()
    const [slow, quick] = [await follow(session, '/?channel=a'), await follow(session, '/?channel=a')]
    slow.stream.pause()
    const filler = 'x'.repeat(1000)
    let most = 0
    for (let at = 0; at < 1000; at += 100) {
      await Promise.all(
        Array.from({ length: 100 }, (_, nth) => notifier.publish('a', `${at + nth} ${filler}`)),
      )
      most = Math.max(most, responses[0]!.writableLength)
    }
    await until('the quick one has them', () => quick.events.length === 1000)
    // The windows of its stream and its session, and at the server 64 KiB and the event that was too much.
    expect(slow.events.length).toBeLessThan(500)
    expect(most).toBeLessThan(70_000)
    slow.stream.resume()
    await until('the slow one has them', () => slow.events.length === 1000)
    expect(slow.events).toEqual(quick.events)
  })

  test('clients that disconnect during events cause no error, and do not affect others', async () => {
    const { notifier, session } = await serve()
    const staying = await follow(session, '/?channel=a')
    for (let round = 0; round < 8; round++) {
      const leaving = await Promise.all([1, 2, 3, 4].map(() => follow(session, '/?channel=a')))
      const publishing = Promise.all(Array.from({ length: 20 }, () => notifier.publish('a', round)))
      for (const [at, { stream }] of leaving.entries()) {
        await until('events come', () => leaving[at]!.events.length > at)
        stream.close(at % 2 === 0 ? 0 : 8)
      }
      await publishing
    }
    await until('it has all', () => staying.events.length === 160)
  })

  test('a client that reads nothing for too long loses its stream, and its session continues', async () => {
    const { notifier, session } = await serve({ stall: '200ms' })
    const [stalled, other] = [await follow(session, '/?channel=a'), await follow(session, '/?channel=b')]
    stalled.stream.pause()
    const filler = 'x'.repeat(1000)
    await Promise.all(Array.from({ length: 500 }, () => notifier.publish('a', filler)))
    await until('it was cut off', () => stalled.stream.closed || stalled.stream.aborted)
    await notifier.publish('b', 1)
    await until('the other goes on', () => other.events.length === 1)
    expect([session.closed, session.destroyed]).toEqual([false, false])
  })

  test('a revocation closes just its channel, and its user for good', async () => {
    const { notifier, session } = await serve()
    const client = await follow(session, '/?user=ann&channel=a&channel=b')
    const other = await follow(session, '/?user=bob&channel=a')
    await notifier.revoke('ann', ['a'])
    await notifier.publish('a', 1)
    await notifier.publish('b', 2)
    await until('it goes on', () => client.events.length === 2)
    expect(client.events).toEqual(['revoked:a', 'message:2'])
    await notifier.revoke('ann')
    await until('it ended', () => client.stream.closed)
    expect(client.events.at(-1)).toBe('closed:revoked')
    const back = session.request({ ':path': '/?user=ann&channel=b', 'last-event-id': client.lastId })
    const [headers] = (await once(back, 'response')) as [Record<string, unknown>]
    expect(headers[':status']).toBe(204)
    back.close()
    expect([other.events, other.stream.closed]).toEqual([['message:1'], false])
  })

  test('at shutdown every stream gets a time to reconnect, and the session stays open', async () => {
    const { session, app } = await serve()
    const clients = await Promise.all([1, 2].map(() => follow(session, '/?channel=a')))
    await app.close()
    for (const client of clients) {
      await until('it ended', () => client.stream.closed)
      expect(client.text.match(/^retry: \d+$/gm)).toHaveLength(2)
    }
    const late = await follow(session, '/?channel=a')
    expect([late.headers[':status'], late.text]).toEqual([200, expect.stringMatching(/^retry: \d+\n\n$/)])
    expect(session.destroyed).toBe(false)
  })
})
