import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

import { createPresence, type Notifier } from '@penknife/core'
import {
  createNotificationClients,
  type NotificationClient,
  notifications,
  type NotificationsOptions,
} from '@penknife/http'
import { notificationSockets } from '@penknife/http/websocket'
import { call, open } from '@penknife/http/testkit'
import { expect, onTestFinished, test } from 'vitest'

import { until } from '../support/until.ts'
import { warningsOf } from '../support/warnings.ts'
import { useFeatures } from './setup.ts'
import { openSocket } from './socket.ts'
import { listen } from './sse.ts'

const features = useFeatures()
const warnings = warningsOf('PENKNIFE_CALLBACK')

/** A server of /events and /live, with the channels and the types of the query. */
async function serve(notifier: Notifier, options: Partial<NotificationsOptions> = {}) {
  const { format, ...common } = {
    user: ({ query }) => query.get('user') ?? undefined,
    types: ({ query }) => (query.has('type') ? query.getAll('type') : undefined),
    ...options,
  } satisfies Partial<NotificationsOptions>
  const events = notifications(notifier, {
    channels: ({ query }) => query.getAll('channel'),
    ...(format ? { format } : {}),
    ...common,
  })
  const sockets = notificationSockets(notifier, {
    authorize: () => true,
    renew: () => true,
    ...common,
  } as never)
  const server = createServer((request, response) => void events(request, response))
  sockets.attach(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    await Promise.all([events.close(), sockets.close()])
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('one list has the clients of both transports: counts, users, hooks that may fail, and a nudge to one client', async () => {
  const notifier = features.notifier({ name: 'clients' })
  const calls: string[] = []
  const connected: NotificationClient[] = []
  const clients = createNotificationClients({
    onConnect: (client, exchange) => {
      connected.push(client)
      calls.push(`+${client.user} ${exchange.query.get('user')}`)
      client.nudge('a', 'welcome')
      throw new Error('on purpose')
    },
    onDisconnect: async ({ user }) => {
      calls.push(`-${user}`)
      throw new Error('on purpose')
    },
  })
  const faults: string[] = []
  const note = ({ message }: Error): unknown => faults.push(message)
  process.on('warning', note)
  onTestFinished(() => void process.off('warning', note))
  const url = await serve(notifier, { clients })
  const ann = await listen(`${url}/?channel=a&channel=b&user=ann`)
  const ben = await openSocket(`${url}/live?user=ben`)
  const eve = await listen(`${url}/?channel=a&user=eve`)
  await ben.subscribe({ a: null, c: null })
  await ann.positioned()
  expect(calls.toSorted()).toEqual(['+ann ann', '+ben ben', '+eve eve'])
  const [one] = clients.of('ann')
  expect([clients.size, clients.count('a'), clients.count('b'), clients.count('x')]).toEqual([3, 3, 1, 0])
  expect([...clients].map(({ transport }) => transport).toSorted()).toEqual(['sse', 'sse', 'websocket'])
  expect([one?.channels, clients.get(one!.id), clients.get('x')]).toEqual([['a', 'b'], one, undefined])
  // A client of SSE had its channels when it connected, one of a WebSocket not yet.
  expect((await ann.has(1)).at(0)).toMatchObject({ data: { channel: 'a', data: 'welcome' } })
  await eve.has(1)

  expect(clients.of('ben')[0]?.nudge('c', { n: 1 }, { type: 'own' })).toBe(true)
  expect(one?.nudge('c', 'not followed')).toBe(false)
  expect(one?.nudge('b', 'to ann', { type: 'own' })).toBe(true)
  const id = await notifier.publish('a', 'to all')
  await ben.has('event', 2)
  await eve.has(2)
  expect((await ann.has(3)).map(({ type, data }) => [type, data])).toEqual([
    ['message', { channel: 'a', data: 'welcome' }],
    ['own', { channel: 'b', data: 'to ann' }],
    ['message', { channel: 'a', data: 'to all' }],
  ])
  expect(eve.events).toHaveLength(2)
  expect(ben.frames.filter(({ kind }) => kind === 'event')).toMatchObject([
    { channel: 'c', id: null, type: 'own', data: { n: 1 } },
    { channel: 'a', id },
  ])
  expect(() => one?.nudge('a', 1n)).toThrow('JSON')
  expect(() => one?.nudge('a', 1, { type: 'a b' })).toThrow('type is "a b"')

  await notifier.revoke('ann', ['b'])
  await until('it lost b', () => one?.channels.length === 1)
  expect(one?.nudge('b', 1)).toBe(false)
  connected.find(({ user }) => user === 'eve')?.reconnect()
  await until('she is asked to reconnect', () => eve.ended)
  ann.leave()
  ben.leave()
  await until('all are gone', () => clients.size === 0 && calls.length === 6)
  expect(calls.slice(3).toSorted()).toEqual(['-ann', '-ben', '-eve'])
  expect([one?.channels, one?.nudge('a', 1)]).toEqual([[], false])
  await until('the faults are reported', () => faults.length === 6)
})

test('a client is not counted on a channel before it may follow it', async () => {
  const clients = createNotificationClients()
  let answer: (allowed: boolean) => void = () => {}
  const allowed = new Promise<boolean>((resolve) => (answer = resolve))
  let asked = false
  const url = await serve(features.notifier(), {
    clients,
    authorize: (_, channels) => channels.length === 0 || ((asked = true), allowed),
  })
  const client = await openSocket(`${url}/live`)
  const reply = client.subscribe({ secret: null })
  await until('the question', () => asked)
  expect([clients.size, clients.count('secret')]).toEqual([1, 0])
  answer(true)
  await reply
  await until('it follows', () => clients.count('secret') === 1)
})

test('each user is present on its channels as long as a connection of it follows them, over both transports', async () => {
  const notifier = features.notifier({ name: 'present' })
  const presence = createPresence(features.space, 'present', { grace: 0, announce: notifier })
  const url = await serve(notifier, { presence })
  const ann = await listen(`${url}/?channel=a&channel=b&user=ann`)
  const socket = await openSocket(`${url}/live?user=ann`)
  await listen(`${url}/?channel=a`)
  await socket.subscribe({ a: null, c: null })
  const membersOf = async (): Promise<unknown[]> =>
    Promise.all(['a', 'b', 'c'].map(async (channel) => (await presence.members(channel)).members.join()))
  await until('she is there', async () => (await membersOf()).join('|') === 'ann|ann|ann')
  await socket.ask({ kind: 'unsubscribe', channels: ['c'] })
  await until('she left c', async () => (await presence.count('c')) === 0)
  await notifier.revoke('ann', ['b'])
  await until('she lost b', async () => (await presence.count('b')) === 0)
  ann.leave()
  socket.leave()
  await until('she is gone', async () => (await presence.count('a')) === 0)
  const { items } = await notifier.history('a')
  expect(items.map(({ type, data }) => [type, data])).toEqual([
    ['joined', { member: 'ann' }],
    ['left', { member: 'ann' }],
  ])
})

test('a user of any length is present, and does not leave while its rights are renewed or a channel begins again', async () => {
  const notifier = features.notifier({ name: 'renewed' })
  const presence = createPresence(features.space, 'renewed', { grace: 0, announce: notifier })
  const user = 'u'.repeat(256)
  const url = await serve(notifier, { presence, user: () => user })
  const client = await openSocket(`${url}/live`)
  await client.subscribe({ room: null })
  await until('it is there', async () => (await presence.count('room')) === 1)
  await client.ask({ kind: 'auth', token: 't' })
  await client.subscribe({ room: null })
  await client.ask({ kind: 'unsubscribe', channels: ['room'] })
  await until('it left', async () => (await presence.count('room')) === 0)
  expect((await notifier.history('room')).items.map(({ type }) => type)).toEqual(['joined', 'left'])
})

test('each client gets the types that it asks for, and its position passes over the others', async () => {
  const notifier = features.notifier({ name: 'types', history: 3 })
  const url = await serve(notifier, { heartbeat: 20 })
  const badges = await listen(`${url}/?channel=a&type=badge`)
  const all = await listen(`${url}/?channel=a`)
  const socket = await openSocket(`${url}/live?type=badge&type=score`)
  await Promise.all([badges.positioned(), all.positioned(), socket.subscribe({ a: null })])
  await notifier.publish('a', 1, { type: 'badge' })
  await notifier.publish('a', 2)
  await notifier.publish('a', 3, { type: 'score' })
  await socket.has('event', 2)
  await all.has(3)
  expect(badges.events.map(({ type }) => type)).toEqual(['badge'])
  expect(socket.seen('event')).toEqual([
    ['event', 'a', 1],
    ['event', 'a', 3],
  ])
  // So many that those after its last event are gone: its position must have moved.
  let last = ''
  for (let nth = 0; nth < 250; nth++) last = await notifier.publish('a', nth)
  await until('the positions moved', () => badges.lastId === `a=${last}` && socket.position('a') === last)
  badges.leave()
  const again = await listen(`${url}/?channel=a&type=badge`, badges.lastId)
  await notifier.publish('a', 'again', { type: 'badge' })
  expect((await again.has(1)).map(({ type }) => type)).toEqual(['badge'])
  expect((await call(`${url}/?channel=a&type=a%20b`)).status).toBe(400)
  await expect(openSocket(`${url}/live?type=a%20b`)).rejects.toThrow('400')
})

test('events can be plain text, as htmx and Turbo read them, and have an id of the application', async () => {
  const notifier = features.notifier({ name: 'raw' })
  const raw = await serve(notifier, { format: 'raw', getState: () => '<ul></ul>' })
  const response = await open(`${raw}/?channel=a`)
  onTestFinished(() => void response.destroy())
  let text = ''
  response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  await until('the state', () => text.includes('event: state\ndata: <ul></ul>\n\n'))
  const id = await notifier.publish('a', '<li>one\n</li>', { type: 'row' })
  const lines = `id: a=${id}\nevent: row\ndata: <li>one\ndata: </li>\n\n`
  await until('the event', () => text.includes(lines))

  const own = await serve(notifier, {
    format: (event) => {
      if (event.kind === 'message' && event.data === 'bad') throw new Error('on purpose')
      const data = event.kind === 'message' ? event.data : null
      return { data: JSON.stringify([event.channel, data]), event: 'any', id: `own:${String(data)}` }
    },
  })
  const client = await listen(`${own}/?channel=a`)
  await client.positioned()
  const before = warnings.length
  await notifier.publish('a', 1)
  await notifier.publish('a', 'bad')
  await notifier.publish('a', 'bad')
  const events = await client.has(3)
  expect(events.map(({ type, data }) => [type, data])).toEqual([
    ['any', ['a', 1]],
    ['reset', { channel: 'a' }],
    ['reset', { channel: 'a' }],
  ])
  expect(events[0]?.id).toMatch(/^own:1,a=/)
  await until('it is reported once', () => warnings.length === before + 1)
  client.leave()
  await notifier.publish('a', 2)
  for (const inUrl of [false, true]) {
    const query = inUrl ? `&lastEventId=${encodeURIComponent(events[0]!.id)}` : ''
    const again = await listen(`${own}/?channel=a${query}`, inUrl ? undefined : events[0]!.id)
    expect((await again.has(3)).map(({ type }) => type)).toEqual(['reset', 'reset', 'any'])
  }
})

test.each([
  [{ format: 'html' }, `notifications format is "html": give 'envelope', 'raw'`],
  [{ types: [] }, 'notifications types is an array: give a list of 1 to 100'],
  [{ types: ['a b'] }, 'notifications types is "a b"'],
  [{ presence: {} }, 'give what createPresence returned'],
  [{ presence: { join: () => {} } }, 'give a user function as well'],
  [{ clients: new Set() }, 'give what createNotificationClients returned'],
])('%j is refused', (options, text) => {
  const notifier = features.notifier()
  expect(() => notifications(notifier, { channels: ['a'], ...(options as object) })).toThrow(text)
  expect(() => createNotificationClients({ onConnect: 1 as never })).toThrow(
    'onConnect is 1: give a function',
  )
})
