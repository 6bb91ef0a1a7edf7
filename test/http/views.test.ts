import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

import { connect, type Live } from '@penknife/client'
import { createNotifier, live, type Notifier } from '@penknife/core'
import { notifications, type NotificationsOptions } from '@penknife/http'
import { notificationSockets } from '@penknife/http/websocket'
import { call } from '@penknife/http/testkit'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { WebSocket } from 'ws'

import { openReady } from '../support/connect.ts'
import { startProxy } from '../support/proxy.ts'
import { pattern } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { useFeatures } from './setup.ts'
import { listen } from './sse.ts'
import { openSocket, type SocketClient } from './socket.ts'

const features = useFeatures()

/** A server of /events and /live that can be started again on its port. */
async function serve(notifier: () => Notifier, views: NotificationsOptions['views']) {
  let port = 0
  let stop: () => Promise<void> = async () => {}
  async function begin(): Promise<void> {
    const common = {
      user: ({ query }: { query: URLSearchParams }) => query.get('user') ?? undefined,
      authorize: (_: unknown, channels: readonly string[]) => channels.filter((name) => name !== 'secret'),
      retry: 20,
      ...(views ? { views } : {}),
    }
    const events = notifications(notifier(), { ...common, channels: ({ query }) => query.getAll('channel') })
    const sockets = notificationSockets(notifier(), common)
    const server = createServer((request, response) => void events(request, response))
    sockets.attach(server)
    const connections = new Set<Socket>()
    server.on('connection', (socket) => connections.add(socket))
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    ;({ port } = server.address() as AddressInfo)
    stop = async () => {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of connections) socket.destroy()
      await Promise.all([closed, events.close(), sockets.close()])
    }
  }
  await begin()
  onTestFinished(() => stop())
  return { url: `http://127.0.0.1:${port}`, restart: async () => (await stop(), begin()) }
}

function open(url: string, transport: string): Live {
  const client = connect(`${url}/live`, {
    sse: `${url}/events`,
    WebSocket: transport === 'sse' ? false : WebSocket,
  })
  onTestFinished(() => client.close())
  return client
}

describe.each(['websocket', 'sse'])('over %s', (transport) => {
  test('a page has the board, each picture of it is one that the board had, and a restart of the server changes nothing', async () => {
    const board = features.leaderboard({ live: true })
    const notifier = features.notifier({ name: `views-${transport}` })
    const server = await serve(() => notifier, { top: live(board, { top: 3, every: 20 }) })
    const had = new Set<string>(['[]'])
    const values: string[][] = []
    const pages = [0, 1].map((nth) => {
      const client = open(server.url, transport)
      values[nth] = []
      const view = client.view('top', { onValue: (rows) => values[nth]?.push(JSON.stringify(rows)) })
      return { client, view }
    })
    const news: unknown[] = []
    pages[0]?.client.subscribe('news', { onEvent: ({ data }) => news.push(data) })
    await until('the state', () => values.every((list) => list.length > 0))
    async function play(count: number): Promise<void> {
      for (let nth = 0; nth < count; nth++) {
        await board.increment(`m${(nth * 7) % 5}`, nth % 3)
        had.add(JSON.stringify(await board.top(3)))
      }
      const now = JSON.stringify(await board.top(3))
      await until(now, () => values.every((list) => list.at(-1) === now), 20_000)
    }
    await play(60)
    await server.restart()
    await play(60)
    await notifier.publish('news', 'stored')
    await until('other channels go on', () => news.includes('stored'))
    expect(values.flat().filter((value) => !had.has(value))).toEqual([])
    // A second view on the same page has the value at once, and none after it is closed.
    const late: unknown[] = []
    const second = pages[0]?.client.view('top', { onValue: (rows) => late.push(JSON.stringify(rows)) })
    await until('the value', () => late.length === 1)
    expect(late[0]).toBe(values[0]?.at(-1))
    second?.close()
    pages[0]?.view.close()
    const closed = values[0]?.length
    await board.increment('m1', 50)
    const last = JSON.stringify(await board.top(3))
    await until('the other has it', () => values[1]?.at(-1) === last)
    expect([values[0]?.length, late.length]).toEqual([closed, 1])
  })
})

test('views are made for channels on demand, share their reads, and end with the last client', async () => {
  const board = features.leaderboard({ live: true })
  await board.increment('ann', 3)
  const notifier = features.notifier({ name: 'demand' })
  const made: string[] = []
  const server = await serve(
    () => notifier,
    (channel) => {
      if (!channel.startsWith('rank:')) return undefined
      made.push(channel)
      return live(board, { rank: channel.slice(5), every: 20 })
    },
  )
  const socket = await openSocket(`${server.url}/live?user=ann`)
  const other = await openSocket(`${server.url}/live`)
  const page = await listen(`${server.url}/events?channel=rank:ann&channel=news&user=ann`)
  expect((await socket.subscribe({ 'rank:ann': null, secret: null, news: null })).refused).toEqual({
    secret: 'forbidden',
  })
  await other.subscribe({ 'rank:ann': null })
  await Promise.all([socket.has('state', 1), other.has('state', 1), page.has(1)])
  // One for each middleware.
  expect(made).toEqual(['rank:ann', 'rank:ann'])
  const row = { member: 'ann', score: 3, rank: 1 }
  expect(page.events).toMatchObject([{ type: 'state', data: { channel: 'rank:ann', state: row } }])
  await board.increment('ann')
  await Promise.all([socket.has('event', 1), other.has('event', 1), page.has(2)])
  const change = { value: { ...row, score: 4 } }
  expect(socket.seen('event')).toEqual([['event', 'rank:ann', change]])
  expect(page.events.at(-1)).toMatchObject({ type: 'change', data: { channel: 'rank:ann', data: change } })
  // It comes back with the present value: nothing to send.
  const same = await openSocket(`${server.url}/live`)
  await same.subscribe({ 'rank:ann': other.position('rank:ann') })
  await same.has('position', 1)
  // Another position: the state.
  const stranger = await openSocket(`${server.url}/live`)
  await stranger.subscribe({ 'rank:ann': '1764000000000000-3-000000' })
  await stranger.has('state', 1)
  expect(same.seen('state', 'event', 'reset')).toEqual([])

  await notifier.revoke('ann', ['rank:ann'])
  await socket.has('revoked', 1)
  await board.increment('ann')
  await Promise.all([other.has('event', 2), same.has('event', 1), notifier.publish('news', 1)])
  await page.has(4)
  expect(
    page.events
      .slice(2)
      .map(({ type }) => type)
      .toSorted(),
  ).toEqual(['message', 'revoked'])
  expect(socket.seen('event')).toHaveLength(2)
  for (const client of [socket, other, same, stranger]) client.leave()
  page.leave()
  await until(
    'nobody follows the board',
    async () => ((await features.raw.call('PUBSUB', 'SHARDCHANNELS', '*board*')) as unknown[]).length === 0,
  )
})

test('clients of a view that cannot be read come back after longer and longer times, until it can be read', async () => {
  let broken = true
  const read = (): number => {
    if (broken) throw new Error('on purpose')
    return 7
  }
  const notifier = features.notifier({ name: 'broken' })
  const { url } = await serve(() => notifier, { answer: live({ read, every: 50 }) })
  const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  onTestFinished(() => warnings.mockRestore())
  const retryMs = async (): Promise<number> => {
    const { status, text } = await call(`${url}/events?channel=answer`)
    expect(status).toBe(200)
    return Number(/^retry: (\d+)$/m.exec(text)?.[1])
  }
  expect(await retryMs()).toBeLessThanOrEqual(30)
  await until('it waits longer', async () => (await retryMs()) > 100)
  broken = false
  const page = await listen(`${url}/events?channel=answer&user=ann`)
  await page.has(1)
  expect(page.events[0]).toMatchObject({ type: 'state', data: { state: 7 } })
  broken = true
  await notifier.revoke('ann')
  await until('nobody has the value', () => page.ended)
  expect(await retryMs()).toBeLessThanOrEqual(30)
})

test('a client that reads nothing costs no memory, and then gets the present state', async () => {
  let value = 'x'
  const notifier = features.notifier({ name: 'slow' })
  const server = await serve(() => notifier, { big: live({ read: () => value, every: 20 }) })
  const [slow, fast] = [await openSocket(`${server.url}/live`), await openSocket(`${server.url}/live`)]
  await Promise.all([slow, fast].map((client) => client.subscribe({ big: null })))
  await fast.has('state', 1)
  slow.pause()
  for (let nth = 1; nth <= 60; nth++) {
    value = String(nth % 10).repeat(100_000)
    await fast.has('event', nth)
  }
  slow.resume()
  value = 'end'
  await until('it has the end', () =>
    slow.frames.some(({ data, state }) => state === 'end' || JSON.stringify(data) === '{"value":"end"}'),
  )
  expect(slow.seen('state', 'event').length).toBeLessThan(60)
})

test.each([
  [1, 'give an object of channels and live views'],
  [{ 'a*': {} }, "give a name without '*'"],
  [{ a: {} }, "views['a'] is an object: give what live() returned"],
])('views %j are refused', (views, text) => {
  const notifier = features.notifier()
  expect(() => notifications(notifier, { channels: ['a'], views: views as never })).toThrow(text)
})

test('a server that is cut off from Redis sends no view to users until it has read the revocations that it missed', async () => {
  const proxy = await startProxy(features.server)
  const penknife = await openReady(pattern(proxy.url))
  let value = 0
  const server = await serve(() => createNotifier(penknife.space('test'), 'cut'), {
    n: live({ read: () => value, every: 20 }),
  })
  const [ann, ben, anybody] = await Promise.all(
    ['?user=ann', '?user=ben', ''].map(async (query) => openSocket(`${server.url}/live${query}`)),
  )
  const all = [ann, ben, anybody] as readonly SocketClient[]
  await Promise.all(all.map((client) => client.subscribe({ n: null })))
  await Promise.all(all.map((client) => client.has('state', 1)))
  await proxy.leave()
  await features.notifier({ name: 'cut' }).revoke('ann', ['n'])
  await until('it is noticed', async () => {
    value += 1
    const before = ben?.frames.length
    await anybody?.has('event', value)
    return ben?.frames.length === before
  })
  const counts = (): unknown[] => [ann, ben].map((client) => client?.seen('state', 'event').length)
  const before = counts()
  value += 1
  await anybody?.has('event', value)
  expect(counts()).toEqual(before)
  await proxy.comeBack()
  await ann?.has('revoked', 1)
  await ben?.has('state', 2)
  expect(ben?.frames.at(-1)).toMatchObject({ state: value })
  expect(counts()[0]).toBe(before[0])
})

test('a client that changes of one view fill begins, although another view cannot be read yet', async () => {
  let value = 'x'
  let reads = 0
  const server = await serve(() => features.notifier({ name: 'full' }), {
    big: live({
      read: () => {
        reads += 1
        return value
      },
      every: 20,
    }),
    late: live({ read: () => new Promise((resolve) => setTimeout(() => resolve('late'), 1500)), every: 20 }),
  })
  const changing = setInterval(() => (value = String(reads % 10).repeat(50_000)), 10)
  onTestFinished(() => clearInterval(changing))
  const page = await listen(`${server.url}/events?channel=big&channel=late`)
  await until('both states', () => {
    const states = page.events.filter(({ type }) => type === 'state') as { data?: { channel?: string } }[]
    return ['big', 'late'].every((channel) => states.some(({ data }) => data?.channel === channel))
  })
})
