import { createNotifier } from '@penknife/core'
import { expect, test, vi } from 'vitest'

import {
  followers,
  type Recording,
  record,
  numbers,
  openNotifier,
  publishNumbers,
  ROOM,
} from '../support/channels.ts'
import { failure, open, openReady } from '../support/connect.ts'
import { startProxy } from '../support/proxy.ts'
import { ownRedis, pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const bench = useRedis()

test('no event is lost or repeated when subscriber connections are killed during publishing', async () => {
  const publisher = await openNotifier(bench, { history: 100_000 })
  const notifiers = await Promise.all([1, 2].map(() => openNotifier(bench)))
  const all = await Promise.all(notifiers.map((notifier) => record(notifier)))
  let next = 0
  for (let kill = 0; kill < 5; kill++) {
    await publishNumbers(publisher, 200, next)
    next += 200
    await until('they follow', async () => (await followers(bench.raw)) === 2)
    await Promise.all([
      publishNumbers(publisher, 200, next),
      bench.raw.call('CLIENT', 'KILL', 'TYPE', 'pubsub'),
    ])
    next += 200
  }
  await until('they follow again', async () => (await followers(bench.raw)) === 2)
  await publishNumbers(publisher, 1, next)
  await Promise.all(all.map(({ received }) => received(next + 1)))
  for (const { data } of all) expect(data()).toEqual(numbers(next + 1))
})

test('the first event of a channel is not lost when the connection is killed before it', async () => {
  const publisher = await openNotifier(bench)
  const { data, received } = await record(await openNotifier(bench))
  await Promise.all([bench.raw.call('CLIENT', 'KILL', 'TYPE', 'pubsub'), publishNumbers(publisher, 3)])
  await received(3)
  await publishNumbers(publisher, 3, 3)
  await received(6)
  expect(data()).toEqual(numbers(6))
})

test('a last message that was lost on the way is noticed by the periodic check', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  try {
    const notifier = await openNotifier(bench)
    const { data, received } = await record(notifier)
    const [id] = await publishNumbers(notifier, 1)
    await received(1)
    const [epoch, offset] = id!.split('-') as [string, string]
    // Stored, but not sent.
    await bench.raw.xadd(ROOM, `${epoch}-${Number(offset) + 1}`, 't', 'message', 'd', '1', 'g', 'c0ffee')
    expect(data()).toEqual([0])
    vi.advanceTimersByTime(10_000)
    await received(2)
    expect(data()).toEqual([0, 1])
  } finally {
    vi.useRealTimers()
  }
})

test('a subscriber whose connection is silent catches up once penknife closes it', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  try {
    const proxy = await startProxy(bench.server)
    const publisher = await openNotifier(bench)
    const penknife = await openReady(pattern(proxy.url))
    const { data, received } = await record(createNotifier(penknife.space('shop'), 'main'))
    await publishNumbers(publisher, 1)
    await received(1)
    proxy.goSilent()
    await publishNumbers(publisher, 1, 1)
    proxy.pass({ only: 'new' })
    // The PING gets no answer, and the socket is closed.
    vi.advanceTimersByTime(10_000)
    await until('it caught up', () => data().length === 2, 15_000)
    expect(data()).toEqual([0, 1])
  } finally {
    vi.useRealTimers()
  }
})

test('a restart of a Redis that persists leaves no gap', async () => {
  const server = await ownRedis({ persist: true })
  const notifier = await openNotifier({ server })
  const { data, received } = await record(notifier)
  await publishNumbers(notifier, 5)
  await received(5)
  await server.restart()
  const again = await openNotifier({ server })
  await publishNumbers(again, 5, 5)
  await received(10)
  expect(data()).toEqual(numbers(10))
})

test('after a restart without data there is exactly one reset, then live events', async () => {
  const server = await ownRedis()
  const notifier = await openNotifier({ server })
  const { data, received, subscription } = await record(notifier)
  await publishNumbers(notifier, 5)
  await received(5)
  await server.restart()
  await received(6)
  expect(subscription.cursors()).toEqual({ room: expect.stringMatching(/^\d{16}-0$/) })
  const again = await openNotifier({ server })
  await publishNumbers(again, 3, 10)
  await received(9)
  expect(data()).toEqual([0, 1, 2, 3, 4, 'reset', 10, 11, 12])
})

test('subscribing while Redis is away fails within the deadline, and nothing stays subscribed', async () => {
  const server = await ownRedis({ persist: true })
  const proxy = await startProxy(server)
  const penknife = await openReady(pattern(proxy.url), { deadline: 300 })
  const notifier = createNotifier(penknife.space('shop'), 'main')
  await notifier.publish('room', 0)
  await proxy.leave()
  const started = performance.now()
  const events: unknown[] = []
  const error = await failure(
    notifier.subscribe(['room', 'other'], { from: { room: '-' }, onEvent: (event) => events.push(event) }),
  )
  expect(error).toMatchObject({ code: 'PENKNIFE_UNAVAILABLE', fate: 'not-done' })
  expect(performance.now() - started).toBeLessThan(2000)
  await proxy.comeBack()
  const publisher = await openNotifier({ server })
  await until('it is back', async () => (await penknife.health()).status === 'ok')
  let third: Recording | undefined
  await until('its subscriber connection is there again', async () => {
    third = await record(notifier, undefined, 'third').catch(() => undefined)
    return third !== undefined
  })
  await publisher.publish('third', 1)
  await third?.received(1)
  await publisher.publish('room', 1)
  expect(events).toEqual([])
  const raw = bench.raw.duplicate({ path: server.socket })
  expect(await followers(raw)).toBe(0)
  raw.disconnect()
})

test('subscribing without a Redis server fails within the deadline', async () => {
  const penknife = open(pattern('redis://127.0.0.1:1'), { deadline: 200 })
  const notifier = createNotifier(penknife.space('shop'), 'main')
  expect(await failure(record(notifier))).toMatchObject({ code: 'PENKNIFE_UNAVAILABLE' })
})

test('a subscription that was open during an outage continues after it, also for channels without events', async () => {
  const proxy = await startProxy(bench.server)
  const penknife = await openReady(pattern(proxy.url), { deadline: 300 })
  const notifier = createNotifier(penknife.space('shop'), 'main')
  const publisher = await openNotifier(bench)
  const room = await record(notifier)
  const quiet = await record(notifier, undefined, 'quiet')
  await publishNumbers(publisher, 1)
  await room.received(1)
  await proxy.leave()
  await publishNumbers(publisher, 3, 1)
  await publisher.publish('quiet', 'first')
  await proxy.comeBack()
  await Promise.all([room.received(4), quiet.received(1)])
  expect([room.data(), quiet.data()]).toEqual([[0, 1, 2, 3], ['first']])
})

test('a user without the right to publish on a channel adds nothing to its history', async () => {
  await bench.raw.call('ACL', 'SETUSER', 'mute', 'on', 'nopass', '~*', 'resetchannels', '+@all')
  const penknife = await openReady(pattern(bench.server.url, { username: 'mute', password: 'x' }))
  const notifier = createNotifier(penknife.space('shop'), 'main')
  expect(await failure(notifier.publish('room', 1))).toMatchObject({
    code: 'PENKNIFE_REJECTED',
    fate: 'not-done',
  })
  expect(await bench.raw.exists(ROOM)).toBe(0)
})
