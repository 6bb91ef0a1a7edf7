import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

import { connect, follow, type Live, type LiveStatus, type LiveOptions } from '@penknife/client'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'

import { useFeatures } from '../http/setup.ts'
import { until } from '../support/until.ts'
import { type LiveServer, serveLive } from './server.ts'

const features = useFeatures()

type Events = { message: { n: number }; note: string }

interface Client {
  readonly live: Live<Events>
  readonly seen: readonly unknown[]
  readonly statuses: readonly LiveStatus[]
  follow(channel: string): { close(): void; readonly position: string | undefined }
  /** Resolves when this was seen. */
  sees(what: unknown): Promise<void>
}

function open(server: LiveServer, options: LiveOptions = {}, query = ''): Client {
  const live = connect<Events>(`${server.url}/live${query}`, {
    sse: `${server.url}/events${query}`,
    WebSocket,
    ...options,
  })
  const seen: unknown[] = []
  const statuses: LiveStatus[] = []
  live.on((status) => statuses.push(status))
  onTestFinished(() => live.close())
  return {
    live,
    seen,
    statuses,
    follow: (channel) =>
      live.subscribe(channel, {
        onEvent: ({ type, data }) => seen.push([channel, type === 'message' ? data.n : data]),
        onReset: () => seen.push([channel, 'reset']),
        onState: (state) => seen.push([channel, 'state', state]),
        onEnd: (reason) => seen.push([channel, 'end', reason]),
      }),
    sees: (what) =>
      until(
        `${JSON.stringify(what)} in ${JSON.stringify(seen.slice(-5))}`,
        () => seen.some((one) => JSON.stringify(one) === JSON.stringify(what)),
        20_000,
      ),
  }
}

const transports: readonly [name: string, options: LiveOptions][] = [
  ['a WebSocket', {}],
  ['server-sent events', { WebSocket: false }],
]

describe.each(transports)('over %s', (name, options) => {
  test('channels are joined and left while connected, and every event arrives once and in order', async () => {
    const notifier = features.notifier({ name: `join-${name.length}` })
    const server = await serveLive(() => notifier)
    const client = open(server, options)
    const a = client.follow('a')
    await until('a position', () => a.position !== undefined)
    await notifier.publish('a', { n: 1 })
    const b = client.follow('b')
    await until('a position', () => b.position !== undefined)
    await notifier.publish('b', 'two', { type: 'note' })
    await notifier.publish('a', { n: 3 })
    await client.sees(['b', 'two'])
    await client.sees(['a', 3])
    a.close()
    await notifier.publish('a', { n: 4 })
    await notifier.publish('b', { n: 5 })
    await client.sees(['b', 5])
    expect(client.seen.filter((one) => (one as string[])[0] === 'a')).toEqual([
      ['a', 1],
      ['a', 3],
    ])
    expect(client.live.status).toEqual({
      kind: 'open',
      transport: name === 'a WebSocket' ? 'websocket' : 'sse',
    })
  })

  test('a server that is closed, killed or cut off loses nothing, and a lost history is a reset', async () => {
    const notifier = features.notifier({ name: `restart-${name.length}`, history: 50 })
    const server = await serveLive(() => notifier)
    const client = open(server, options)
    const a = client.follow('a')
    client.follow('quiet')
    await until('a position', () => a.position !== undefined)
    for (const [at, how] of (['closed', 'killed', 'cut'] as const).entries()) {
      await notifier.publish('a', { n: 3 * at })
      await client.sees(['a', 3 * at])
      if (how === 'cut') server.cut()
      else await server.stop(how)
      await notifier.publish('a', { n: 3 * at + 1 })
      if (how !== 'cut') await server.start()
      await client.sees(['a', 3 * at + 1])
      await notifier.publish('a', { n: 3 * at + 2 })
      await client.sees(['a', 3 * at + 2])
    }
    expect(client.seen).toEqual(Array.from({ length: 9 }, (_, n) => ['a', n]))
    await server.stop('killed')
    await features.raw.flushall()
    await server.start()
    await notifier.publish('a', { n: 10 })
    await client.sees(['a', 'reset'])
  })

  test('it says which channels it may not follow, and stays closed until the page wants to come back', async () => {
    const notifier = features.notifier({ name: `rights-${name.length}` })
    const server = await serveLive(() => notifier, { perUser: 1 })
    const client = open(server, options, '?user=ann')
    client.follow('secret:1')
    const a = client.follow('a')
    const b = client.follow('b')
    await until('a position', () => a.position !== undefined && b.position !== undefined)
    await client.sees(['secret:1', 'end', name === 'a WebSocket' ? 'forbidden' : 'revoked'])
    await notifier.revoke('ann', ['b'])
    await client.sees(['b', 'end', 'revoked'])
    const other = open(server, options, '?user=ann')
    const position = other.follow('a')
    await until('closed', () => client.live.status.kind === 'closed')
    expect(client.live.status).toEqual({ kind: 'closed', reason: 'connections' })
    await until('a position', () => position.position !== undefined)
    await notifier.publish('a', { n: 1 })
    await other.sees(['a', 1])
    client.live.reconnect()
    await client.sees(['a', 1])
    await notifier.revoke('ann')
    await until('closed', () => (client.live.status as { reason?: string }).reason === 'revoked')
  })

  test('state first: a client begins with the state, and gets every event after it without a gap', async () => {
    const notifier = features.notifier({ name: `state-${name.length}`, history: 5000 })
    let stored = -1
    const server = await serveLive(() => notifier, {
      async getState() {
        const n = stored
        await notifier.publish('other', { n })
        return n
      },
    })
    const clients = [open(server, options)]
    for (let n = 0; n < 200; n++) {
      await notifier.publish('a', { n })
      stored = n
      if (n % 50 === 0) clients.push(open(server, options))
      if (n % 50 === 0) clients.at(-2)?.follow('a')
    }
    clients.at(-1)?.follow('a')
    await until('all have the state', () => clients.every(({ seen }) => seen.length > 0))
    await notifier.publish('a', { n: 200 })
    for (const { seen, sees } of clients) {
      await sees(['a', 200])
      const [first, ...events] = seen as [[string, string, number], ...[string, number][]]
      expect(first.slice(0, 2)).toEqual(['a', 'state'])
      const from = events[0]?.[1] as number
      expect(from).toBeLessThanOrEqual(first[2] + 1)
      expect(events).toEqual(Array.from({ length: 201 - from }, (_, at) => ['a', from + at]))
    }
    await features.raw.flushall()
    await notifier.publish('a', { n: 300 })
    for (const { seen, sees } of clients) {
      await sees(['a', 'state', 199])
      expect(seen).not.toContainEqual(['a', 'reset'])
    }
  })

  test('a later subscription of the page gets the state too, and no subscription misses an event', async () => {
    const notifier = features.notifier({ name: `second-${name.length}` })
    let stored = 0
    const client = open(await serveLive(() => notifier, { getState: () => stored }), options)
    client.follow('a')
    await client.sees(['a', 'state', 0])
    await notifier.publish('a', { n: 1 })
    await client.sees(['a', 1])
    stored = 1
    const later: unknown[] = []
    client.live.subscribe('a', {
      onState: (state) => later.push(['state', state]),
      onEvent: ({ data }) => later.push(data),
    })
    await client.sees(['a', 'state', 1])
    await notifier.publish('a', { n: 2 })
    await client.sees(['a', 2])
    expect(later).toEqual([['state', 1], { n: 2 }])
  })

  test('a channel of latest values gives a newcomer the last of each', async () => {
    const notifier = features.notifier({ name: `latest-${name.length}` })
    const server = await serveLive(() => notifier, { start: 'oldest' })
    for (let n = 0; n < 20; n++)
      await notifier.publish('a', { n }, { coalesce: n % 2 === 0 ? 'even' : 'odd' })
    const client = open(server, options)
    client.follow('a')
    await client.sees(['a', 19])
    expect(client.seen).toEqual([
      ['a', 18],
      ['a', 19],
    ])
  })

  test('a page that is loaded again resumes from the storage', async () => {
    const notifier = features.notifier({ name: `storage-${name.length}` })
    const server = await serveLive(() => notifier)
    const texts = new Map<string, string>()
    const storage = {
      getItem: (key: string) => texts.get(key) ?? null,
      setItem: (key: string, value: string) => void texts.set(key, value),
    }
    const first = open(server, { ...options, storage })
    const a = first.follow('a')
    await until('a position', () => a.position !== undefined)
    await notifier.publish('a', { n: 1 })
    await first.sees(['a', 1])
    await until('it is written', () => texts.size > 0)
    first.live.close()
    await notifier.publish('a', { n: 2 })
    const second = open(server, { ...options, storage })
    second.follow('a')
    await second.sees(['a', 2])
    expect(second.seen).toEqual([['a', 2]])
  })
})

test('where a WebSocket cannot get through it falls back to server-sent events', async () => {
  const notifier = features.notifier({ name: 'fallback' })
  const server = await serveLive(() => notifier, { webSockets: false })
  const client = open(server)
  const a = client.follow('a')
  await until('a position', () => a.position !== undefined)
  await notifier.publish('a', { n: 1 })
  await client.sees(['a', 1])
  expect(client.statuses.map((status) => 'transport' in status && status.transport)).toEqual([
    'websocket',
    'sse',
    'sse',
  ])
})

test('a callback that throws stops nobody else, and a refused client knows it', async () => {
  const notifier = features.notifier({ name: 'faults' })
  const server = await serveLive(() => notifier)
  const client = open(server)
  const errors: unknown[] = []
  const before = console.error
  console.error = (error: unknown) => errors.push(error)
  onTestFinished(() => void (console.error = before))
  client.live.subscribe('a', {
    onEvent() {
      throw new Error('mine')
    },
  })
  const a = client.follow('a')
  await until('a position', () => a.position !== undefined)
  await notifier.publish('a', { n: 1 })
  await client.sees(['a', 1])
  expect(errors).toEqual([new Error('mine')])
  const refused = open(server, { WebSocket: false })
  refused.follow('secret')
  await until('closed', () => refused.live.status.kind === 'closed')
  expect(refused.live.status).toEqual({ kind: 'closed', reason: 'refused' })
})

test('a callback that subscribes again when a channel ended asks the server again', async () => {
  const server = await serveLive(() => features.notifier())
  const { live } = open(server)
  let [ends, inTick, most] = [0, 0, 0]
  function onEnd(): void {
    most = Math.max(most, ++inTick)
    setImmediate(() => (inTick = 0))
    if (++ends < 3) live.subscribe('secret', { onEnd })
  }
  live.subscribe('secret', { onEnd })
  await until('three ends', () => ends === 3)
  expect(most).toBe(1)
})

test('a refused channel refuses no other, whatever its name', async () => {
  const notifier = features.notifier({ name: 'named' })
  const client = open(await serveLive(() => notifier))
  const followed = ['secret', 'constructor', 'toString'].map((channel) => client.follow(channel))
  await until('positions', () => followed.slice(1).every(({ position }) => position !== undefined))
  expect(client.seen).toEqual([['secret', 'end', 'forbidden']])
})

test('an address that is none is a failed connect, and nothing throws', async () => {
  const live = connect('/live', { sse: '/events', WebSocket })
  onTestFinished(() => live.close())
  live.subscribe('a', {})
  await until('a wait', () => live.status.kind === 'waiting')
})

test('a renewal of rights that a broken connection interrupts was not refused', async () => {
  const server = await serveLive(() => features.notifier(), { renew: () => new Promise(() => {}) })
  const client = open(server)
  client.follow('a')
  await until('open', () => client.live.status.kind === 'open')
  const renewed = client.live.auth('token')
  server.cut()
  expect(await renewed).toBe(true)
})

test.each([
  'null',
  '1',
  '[]',
  '{',
  '{"kind":"closed"',
  '{"kind":"state"}',
  '{"kind":"end"}',
  '{"kind":"reply","n":{}}',
])('a server that sends %s ends no process: the client tries again, or waits', async (text) => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  onTestFinished(() => server.close())
  let heard = 0
  server.on('connection', (socket) => {
    socket.send(text)
    // After a frame that is ignored.
    socket.send('null')
    heard += 1
  })
  await once(server, 'listening')
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/live`
  const live = connect(url, { WebSocket, storage: { getItem: () => text, setItem() {} } })
  const followed = follow(url, { WebSocket })
  onTestFinished(() => (followed.close(), live.close()))
  live.subscribe('a', {})
  await until('both met it', () => heard >= 2 && live.status.kind === 'waiting')
  expect(await followed.cancel()).toBe('unavailable')
})

test.each([
  [1e12, 3_600_000],
  ['soon', undefined],
])('a server that asks for a wait of %s causes no reconnect at once', async (afterMs, waited) => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  onTestFinished(() => server.close())
  server.on('connection', (socket) => {
    socket.send(JSON.stringify({ kind: 'closed', reason: 'reconnect', reconnect: true, afterMs }))
    socket.close(4000)
  })
  await once(server, 'listening')
  const live = connect(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/live`, { WebSocket })
  onTestFinished(() => live.close())
  live.subscribe('a', {})
  await until('it waits', () => live.status.kind === 'waiting')
  const { afterMs: chosen } = live.status as LiveStatus & { kind: 'waiting' }
  // Its own time: a second, plus or minus half.
  if (waited === undefined) expect(chosen >= 500 && chosen <= 1500).toBe(true)
  else expect(chosen).toBe(waited)
})

test('a server that answers nothing is asked again', async () => {
  let asked = 0
  const server = createServer((_request, response) => {
    asked += 1
    if (asked > 1) response.writeHead(404).end()
  })
  server.on('upgrade', (_request, socket) => socket.destroy())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jobs/1`
  const states: string[] = []
  const followed = follow(url, { WebSocket, silenceMs: 100, onEnd: ({ state }) => states.push(state) })
  onTestFinished(() => followed.close())
  await until('it is refused', () => states.length > 0)
  expect([states, asked]).toEqual([['refused'], 2])
})
