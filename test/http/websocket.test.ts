import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'

import type { Notifier } from '@penknife/core'
import { rateLimit } from '@penknife/http'
import { notificationSockets, type NotificationSocketsOptions } from '@penknife/http/websocket'
import express from 'express'
import Koa from 'koa'
import { expect, onTestFinished, test } from 'vitest'

import { followers } from '../support/channels.ts'
import { deferred } from '../support/deferred.ts'
import { until } from '../support/until.ts'
import { useFeatures } from './setup.ts'
import { openSocket } from './socket.ts'

const features = useFeatures()

/** A server with sockets at /live, until the test ends. */
async function serve(
  notifier: Notifier,
  options: NotificationSocketsOptions = {},
  server: Server = createServer(),
) {
  const sockets = notificationSockets(notifier, {
    authorize: (_, channels) => channels.filter((channel) => !channel.startsWith('secret')),
    user: ({ query }) => query.get('user') ?? undefined,
    ...options,
  })
  sockets.attach(server)
  const connections = new Set<Socket>()
  server.on('connection', (socket) => connections.add(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    await sockets.close()
    server.close()
    for (const socket of connections) socket.destroy()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { server, sockets, connections, url, live: `${url}/live` }
}

test.each([
  ['node:http', createServer],
  ['Express', () => createServer(express())],
  ['Koa', () => createServer((request, response) => void new Koa().callback()(request, response))],
] as [string, () => Server][])(
  'on a server of %s a client joins and leaves channels on one socket, each with its cursor and its rights',
  async (name, make) => {
    const notifier = features.notifier({ name: name.replace(':', '-') })
    const { live } = await serve(notifier, {}, make())
    const client = await openSocket(live)
    const first = await notifier.publish('a', 1)
    await notifier.publish('a', 2)
    expect(await client.subscribe({ a: first, secret: null, 'not*good': null })).toEqual({
      kind: 'reply',
      n: 0,
      refused: { secret: 'forbidden', 'not*good': 'invalid' },
    })
    await client.has('event', 1)
    await client.subscribe({ b: null })
    await notifier.publish('b', 3)
    await notifier.publish('secret', 'no')
    await client.has('event', 2)
    expect(client.seen('event')).toEqual([
      ['event', 'a', 2],
      ['event', 'b', 3],
    ])
    await client.ask({ kind: 'unsubscribe', channels: ['a', 'unknown'] })
    await notifier.publish('a', 4)
    const last = await notifier.publish('b', 5)
    await client.has('event', 3)
    expect([client.seen('event').at(-1), client.position('b')]).toEqual([['event', 'b', 5], last])
    // What it missed of `a` follows the position that it has.
    await client.subscribe({ a: client.position('a') })
    await client.has('event', 4)
    expect(client.seen('event').at(-1)).toEqual(['event', 'a', 4])
    client.leave()
    await until('nobody follows', async () => (await followers(features.raw)) === 0)
  },
)

test('a client that comes back gets what it missed, and a reset for a position that is none', async () => {
  const notifier = features.notifier({ name: 'back', history: 5 })
  const { live } = await serve(notifier)
  const client = await openSocket(live)
  await client.subscribe({ a: null, b: null, c: null })
  await notifier.publish('a', 1)
  await notifier.publish('b', 1)
  await client.has('event', 2)
  client.leave()
  await notifier.publish('a', 2)
  const again = await openSocket(live)
  await again.subscribe({ a: client.position('a'), b: 'x'.repeat(5000), c: client.position('c') })
  await notifier.publish('c', 3)
  await again.has('event', 2)
  expect(again.seen('event', 'reset')).toEqual([
    ['event', 'a', 2],
    ['reset', 'b'],
    ['event', 'c', 3],
  ])
  // The position of a reset is one to resume from.
  await notifier.publish('b', 4)
  await again.has('event', 3)
  expect(again.seen('event').at(-1)).toEqual(['event', 'b', 4])
})

test('rights, the origin, the subprotocol and a limiter decide before the upgrade', async () => {
  const notifier = features.notifier({ name: 'before' })
  const asked: unknown[] = []
  const { url, live } = await serve(notifier, {
    authorize: ({ query }, channels) => {
      asked.push(channels)
      return query.get('let') === 'in'
    },
    before: rateLimit(features.limiter({ name: 'sockets' }), { key: () => 'all' }),
  })
  await expect(openSocket(live)).rejects.toThrow('403')
  await expect(openSocket(`${live}?let=in`, { headers: { origin: 'https://evil.example' } })).rejects.toThrow(
    '403',
  )
  await expect(openSocket(`${live}?let=in`, { headers: { origin: 'null' } })).rejects.toThrow('403')
  await expect(openSocket(`${live}?let=in`, { protocols: ['other'] })).rejects.toThrow('400')
  await expect(openSocket(`${url}/other?let=in`)).rejects.toThrow('404')
  const client = await openSocket(`${live}?let=in`, { headers: { origin: url } })
  expect(asked).toEqual([[], []])
  await openSocket(`${live}?let=in`)
  await expect(openSocket(`${live}?let=in`)).rejects.toThrow('429')
  expect(client.closed).toBeUndefined()
})

test('without authorize a client may name only the channels of the server', async () => {
  const notifier = features.notifier({ name: 'listed' })
  expect(() => notificationSockets(notifier, {})).toThrow('authorize or channels')
  const sockets = await serve(notifier, {
    channels: ['a'],
    authorize: undefined as never,
    origins: ['https://shop.example'],
  })
  await expect(openSocket(sockets.live, { headers: { origin: sockets.url } })).rejects.toThrow('403')
  const client = await openSocket(sockets.live, { headers: { origin: 'https://shop.example' } })
  expect((await client.subscribe({ a: null, b: null })).refused).toEqual({ b: 'forbidden' })
})

test('revocations, too many connections and a shutdown say whether to come back, and when', async () => {
  const notifier = features.notifier({ name: 'ends' })
  const { live, sockets, server } = await serve(notifier, {
    perUser: 2,
    retry: 100,
    renew: (_, token) => token === 'good',
  })
  const ann = await openSocket(`${live}?user=ann`)
  const bob = await openSocket(`${live}?user=bob`)
  await ann.subscribe({ a: null, b: null })
  await bob.subscribe({ a: null, b: null })
  await notifier.revoke('ann', ['a'])
  await notifier.publish('a', 1)
  await notifier.publish('b', 2)
  await Promise.all([ann.has('event', 1), bob.has('event', 2)])
  expect(ann.seen('event', 'revoked')).toEqual([
    ['revoked', 'a'],
    ['event', 'b', 2],
  ])
  // A right that was given again counts with renewed rights.
  expect((await ann.subscribe({ a: null })).refused).toEqual({ a: 'revoked' })
  expect((await ann.ask({ kind: 'auth', token: 'bad' })).error).toBe('forbidden')
  expect((await ann.ask({ kind: 'auth', token: 'good' })).error).toBeUndefined()
  expect((await ann.subscribe({ a: null })).refused).toBeUndefined()
  await notifier.publish('a', 3)
  await notifier.publish('b', 4)
  await ann.has('event', 3)
  expect(ann.seen('event', 'reset').slice(1)).toEqual([
    ['event', 'a', 3],
    ['event', 'b', 4],
  ])
  await notifier.revoke('ann')
  expect(await ann.ended()).toEqual([4001, 'revoked'])
  expect(ann.frames.at(-1)).toEqual({ kind: 'closed', code: 4001, reason: 'revoked', reconnect: false })
  const others = [await openSocket(`${live}?user=bob`), await openSocket(`${live}?user=bob`)]
  expect(await bob.ended()).toEqual([4002, 'connections'])
  await sockets.close()
  for (const other of others) {
    expect(await other.ended()).toEqual([4000, 'reconnect'])
    const { reconnect, afterMs } = other.frames.at(-1) ?? {}
    expect([reconnect, (afterMs as number) >= 50 && (afterMs as number) <= 150]).toEqual([true, true])
  }
  server.once('upgrade', (request, socket, head) => void sockets.upgrade(request, socket, head))
  await expect(openSocket(live)).rejects.toThrow('503')
  expect(server.listenerCount('upgrade')).toBe(0)
  const again = notificationSockets(notifier, { channels: ['a'] })
  again.attach(server)
  onTestFinished(() => again.close())
  await openSocket(live)
})

test.each(['cut', 'half-closed'])(
  'a handshake that is %s while authorize runs pushes out no other connection of the user',
  async (how) => {
    const notifier = features.notifier({ name: how })
    let asked = deferred()
    let answer = deferred()
    const { live, url, connections } = await serve(notifier, {
      perUser: 1,
      authorize: async () => {
        asked.resolve()
        await answer.promise
        return true
      },
    })
    answer.resolve()
    const first = await openSocket(`${live}?user=eve`)
    asked = deferred()
    answer = deferred()
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    socket.write(
      `GET /live?user=eve HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${'a'.repeat(22)}==\r\nSec-WebSocket-Protocol: penknife.v1\r\n\r\n`,
    )
    await asked.promise
    if (how === 'cut') socket.destroy()
    else socket.end()
    await until('the server sees it', () => [...connections].some((one) => !one.readable))
    answer.resolve()
    await until(
      'its connection has ended',
      () => [...connections].filter((one) => one.destroyed).length === 1,
    )
    expect(await first.ask({ kind: 'ping' })).toMatchObject({ kind: 'reply' })
    expect(first.closed).toBeUndefined()
  },
)

test('renewed rights take the channels away that are not allowed any more, and lose nothing of the others', async () => {
  const notifier = features.notifier({ name: 'renewed' })
  let allowed = ['a', 'b']
  const { live } = await serve(notifier, {
    authorize: (_, channels) => channels.filter((channel) => allowed.includes(channel)),
    renew: () => true,
  })
  const client = await openSocket(`${live}?user=ann`)
  await client.subscribe({ a: null, b: null })
  allowed = ['b']
  const published = Array.from({ length: 50 }, (_, at) => notifier.publish('b', at))
  await client.ask({ kind: 'auth', token: '' })
  await Promise.all(published)
  await client.has('event', 50)
  expect(client.seen('event').map((one) => (one as unknown[])[2])).toEqual(
    Array.from({ length: 50 }, (_, at) => at),
  )
  expect(client.seen('revoked')).toEqual([['revoked', 'a']])
})

test('a client that reads nothing costs little memory, delays nobody, and gets everything once it reads again', async () => {
  const events = 1000
  const notifier = features.notifier({ name: 'slow', history: 2 * events })
  const { live, connections } = await serve(notifier)
  const slow = await openSocket(live)
  const [held] = connections as unknown as [Socket]
  const quick = await openSocket(live)
  await slow.subscribe({ room: null, other: null })
  await quick.subscribe({ room: null })
  held.cork()
  let most = 0
  for (let at = 0; at < events; at += 100) {
    await Promise.all(
      Array.from({ length: 100 }, (_, n) => notifier.publish('room', [at + n, 'x'.repeat(1000)])),
    )
    most = Math.max(most, held.writableLength)
  }
  await quick.has('event', events)
  expect([most > 65_536, most < 70_000 + 32_768]).toEqual([true, true])
  held.uncork()
  await slow.has('event', events)
  const order = slow.seen('event').map((one) => (one as [string, string, [number]])[2][0])
  expect(order).toEqual(Array.from({ length: events }, (_, at) => at))
})

test('clients of a channel that lose history together get its state, which is loaded once', async () => {
  const notifier = features.notifier({ name: 'state' })
  let loaded = 0
  const { live } = await serve(notifier, { getState: (channel) => ({ channel, n: ++loaded }) })
  const clients = [await openSocket(live), await openSocket(live), await openSocket(live)]
  for (const client of clients) await client.subscribe({ room: null })
  await notifier.publish('room', 1)
  for (const client of clients) await client.has('event', 1)
  expect(loaded).toBe(3)
  await features.raw.flushall()
  await notifier.publish('room', 2)
  for (const client of clients) {
    await client.has('state', 2)
    expect(client.frames.findLast(({ kind }) => kind === 'state')?.state).toEqual({ channel: 'room', n: 4 })
    expect(client.seen('reset')).toEqual([])
  }
  expect(loaded).toBe(4)
})

test('a client that stalls or answers no ping is cut off', async () => {
  const notifier = features.notifier({ name: 'stalled' })
  const { live, connections } = await serve(notifier, { stall: '100ms', heartbeat: '20ms' })
  const silent = await openSocket(live)
  const quick = await openSocket(live)
  silent.pause()
  await until('it is cut off', () => [...connections].some((socket) => socket.destroyed))
  await quick.has('ping', 5)
  expect(quick.closed).toBeUndefined()
})

const TOO_MANY = Object.fromEntries(Array.from({ length: 101 }, (_, at) => [`c${at}`, null]))

test.each<[name: string, frame: object | string | Buffer, code: number, reason: string]>([
  ['no JSON', '{', 1008, 'a frame is a JSON object'],
  ['a list', '[]', 1008, 'a frame is a JSON object'],
  ['deep JSON', '['.repeat(30_000), 1008, 'a frame is a JSON object'],
  ['no number', { kind: 'ping' }, 1008, 'n must be a whole number'],
  ['an unknown kind', { kind: 'publish', n: 1 }, 1008, 'kind is unknown'],
  ['no channels', { kind: 'subscribe', n: 1, channels: {} }, 1008, 'channels must have'],
  ['too many channels', { kind: 'subscribe', n: 1, channels: TOO_MANY }, 1008, 'channels must have'],
  ['a position of another type', { kind: 'subscribe', n: 1, channels: { a: 1 } }, 1008, 'channels must have'],
  ['names that are none', { kind: 'unsubscribe', n: 1, channels: [1] }, 1008, 'channels must be'],
  ['a token that is none', { kind: 'auth', n: 1, token: {} }, 1008, 'token must be text'],
  ['bytes', Buffer.from('{"kind":"ping","n":1}'), 1003, 'frames are text'],
  ['too much', 'x'.repeat(40_000), 1009, ''],
])('a frame with %s closes the socket with a code that says why', async (_, frame, code, reason) => {
  const { live } = await serve(features.notifier({ name: 'hostile' }))
  const client = await openSocket(live)
  client.send(frame)
  const [gotCode, gotReason] = await client.ended()
  expect([gotCode, gotReason.startsWith(reason)]).toEqual([code, true])
})

test.each(['/live', '/other'])(
  'an upgrade of %s behind a request that has no response yet ends its connection, and nothing else',
  async (path) => {
    const server = createServer(() => {})
    const { live } = await serve(features.notifier({ name: 'pipelined' }), {}, server)
    const { port } = server.address() as AddressInfo
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    const upgrade = [
      `GET ${path} HTTP/1.1`,
      'Host: x',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
      'Sec-WebSocket-Protocol: penknife.v1',
      '\r\n',
    ].join('\r\n')
    socket.resume().write(`GET /slow HTTP/1.1\r\nHost: x\r\n\r\n${upgrade}`)
    await until('it is closed', () => socket.closed)
    const client = await openSocket(live)
    await client.subscribe({ a: null })
    expect(client.closed).toBeUndefined()
  },
)

test('a client that sends too many frames is closed', async () => {
  const { live } = await serve(features.notifier({ name: 'flood' }))
  const client = await openSocket(live)
  for (let n = 0; n < 150; n++) client.send({ kind: 'ping', n })
  expect(await client.ended()).toEqual([1008, 'too many frames'])
})
