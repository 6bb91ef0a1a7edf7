import { createNotifier, type NotifierEvent } from '@penknife/core'
import { expect, test, vi } from 'vitest'

import { followers, record, numbers, openNotifier, publishNumbers, ROOM } from '../support/channels.ts'
import { startProgram } from '../support/child.ts'
import { openReady } from '../support/connect.ts'
import { callsOf, pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const bench = useRedis()

test('an event arrives with its channel, id, type, JSON and data', async () => {
  const notifier = await openNotifier(bench)
  const { events, received } = await record(notifier)
  const id = await notifier.publish('room', { text: 'żółw\n🐢', list: [1, null] }, { type: 'chat.said' })
  await received(1)
  const json = '{"text":"żółw\\n🐢","list":[1,null]}'
  expect(id).toMatch(/^\d{16}-\d+-[0-9a-f]{6}$/)
  expect(events[0]).toMatchObject({ kind: 'message', channel: 'room', id, type: 'chat.said', json })
  expect(events[0]).toHaveProperty('data', { text: 'żółw\n🐢', list: [1, null] })
})

test.each([null, false, 0, '', 'text', [], '\n', '\n\n', -1.5e300])(
  '%j arrives as it was published, live and from history',
  async (data) => {
    const notifier = await openNotifier(bench)
    const live = await record(notifier)
    await notifier.publish('room', data)
    await live.received(1)
    const late = await record(notifier, '-')
    expect([live.data(), late.data()]).toEqual([[data], [data]])
    expect(live.events[0]).toMatchObject({ type: 'message' })
  },
)

test('a subscriber without a position starts with the next event', async () => {
  const notifier = await openNotifier(bench)
  await publishNumbers(notifier, 10)
  const { data, received } = await record(notifier)
  await publishNumbers(notifier, 10, 10)
  await received(10)
  expect(data()).toEqual(numbers(10, 10))
})

test('ids of a channel count without a gap, in one epoch', async () => {
  const notifier = await openNotifier(bench)
  const ids = await publishNumbers(notifier, 300)
  const [epoch, first] = ids[0]!.split('-') as [string, string]
  expect(ids.map((id) => id.replace(/-[^-]*$/, ''))).toEqual(
    numbers(300).map((at) => `${epoch}-${Number(first) + at}`),
  )
})

test('every subscriber gets the events of several racing processes once and in one order', async () => {
  const notifiers = await Promise.all([1, 2, 3].map(() => openNotifier(bench)))
  const received = await Promise.all(notifiers.map((notifier) => record(notifier)))
  const programs = ['a', 'b', 'c'].map((name) => startProgram('publisher', [bench.server.url, name, '500']))
  const ids = (await Promise.all(programs.map((program) => program.next<string[]>()))).flat()
  await Promise.all(received.map((each) => each.received(1500)))
  const order = ids.toSorted((a, b) => Number(a.split('-')[1]) - Number(b.split('-')[1]))
  for (const { events } of received) expect(events.map(({ id }) => id)).toEqual(order)
  const said = received[0]!.data() as string[]
  for (const name of ['a', 'b', 'c']) {
    expect(said.filter((each) => each.startsWith(name))).toEqual(numbers(500).map((at) => `${name}:${at}`))
  }
})

test('a subscriber of several channels gets each in order, and each channel has cursors of its own', async () => {
  const notifier = await openNotifier(bench)
  const events: NotifierEvent[] = []
  const subscription = await notifier.subscribe(['a', 'b', 'a'], { onEvent: (event) => events.push(event) })
  const ids = await Promise.all(numbers(100).map((at) => notifier.publish(at % 2 ? 'b' : 'a', at)))
  await until('all came', () => events.length >= 100)
  const of = (channel: string): unknown[] =>
    events.filter((event) => event.channel === channel).map((event) => event.kind === 'message' && event.data)
  expect(of('a')).toEqual(numbers(50).map((at) => at * 2))
  expect(of('b')).toEqual(numbers(50).map((at) => at * 2 + 1))
  expect(subscription.cursors()).toEqual({ a: ids[98], b: ids[99] })
})

test('channels named like properties of objects are channels like others', async () => {
  const notifier = await openNotifier(bench)
  const names = ['toString', 'constructor', '__proto__', 'hasOwnProperty']
  const events: NotifierEvent[] = []
  const subscription = await notifier.subscribe(names, { onEvent: (event) => events.push(event) })
  await Promise.all(names.map((name) => notifier.publish(name, name)))
  await until('all came', () => events.length >= names.length)
  expect(events.map(({ kind, channel }) => `${kind} ${channel}`).toSorted()).toEqual(
    names.map((name) => `message ${name}`).toSorted(),
  )
  expect(Object.keys(subscription.cursors()).toSorted()).toEqual(names.toSorted())
})

test('a nudge reaches current listeners, has no id, and is not stored', async () => {
  const notifier = await openNotifier(bench)
  const { events, received, subscription } = await record(notifier)
  const id = await notifier.publish('room', 'kept')
  await notifier.nudge('room', { typing: true }, { type: 'typing' })
  await received(2)
  expect(events[1]).toMatchObject({
    kind: 'message',
    channel: 'room',
    id: null,
    type: 'typing',
    data: { typing: true },
  })
  expect(subscription.cursors()).toEqual({ room: id })
  expect((await record(notifier, '-')).data()).toEqual(['kept'])
  expect(await bench.raw.xlen(ROOM)).toBe(1)
})

test('a listener that throws gets its later events, and so do the other listeners', async () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  const notifier = await openNotifier(bench)
  await publishNumbers(notifier, 5)
  const seen: unknown[] = []
  await notifier.subscribe(['room'], {
    from: { room: '-' },
    onEvent: (event) => {
      seen.push(event.kind === 'message' && event.data)
      throw new Error('a listener fault')
    },
  })
  const after = await record(notifier, '-')
  await publishNumbers(notifier, 5, 5)
  await after.received(10)
  expect(seen).toEqual(numbers(10))
  expect(after.data()).toEqual(numbers(10))
  expect(warn).toHaveBeenCalledWith(
    expect.stringContaining('a listener fault'),
    expect.objectContaining({ code: 'PENKNIFE_CALLBACK' }),
  )
})

test('all subscriptions of a process to a channel share one subscription of the server', async () => {
  const notifier = await openNotifier(bench)
  const all = await Promise.all(numbers(20).map(() => record(notifier)))
  expect(await followers(bench.raw)).toBe(1)
  await notifier.publish('room', 1)
  await Promise.all(all.map(({ received }) => received(1)))
  expect(await callsOf(bench.raw, 'ssubscribe')).toBe(1)
  for (const { subscription } of all.slice(1)) void subscription.close()
  await notifier.publish('room', 2)
  await all[0]!.received(2)
  expect(all.slice(1).every(({ events }) => events.length === 1)).toBe(true)
  expect(await followers(bench.raw)).toBe(1)
  await all[0]!.subscription.close()
  await until('the server forgot it', async () => (await followers(bench.raw)) === 0)
})

test('a process follows all its channels on one connection', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const notifiers = ['a', 'b', 'c'].map((space) => createNotifier(penknife.space(space), 'main'))
  for (const notifier of notifiers) {
    await notifier.subscribe(
      numbers(20).map((at) => `room:${at}`),
      { onEvent: () => {} },
    )
    await notifier.listen(['*'], { onEvent: () => {} })
  }
  const events = notifiers[0]!.events(['room:1', 'another'])
  const waiting = events.next()
  // The server subscribes it before its first position is read. An event between them would be before that position.
  await until('the iterator has a position', () => 'another' in events.cursors())
  await until('all is followed', async () => {
    const list = String(await bench.raw.call('CLIENT', 'LIST', 'TYPE', 'PUBSUB'))
    return list.trim().split('\n').length === 1 && / ssub=64 /.test(list)
  })
  await notifiers[0]!.publish('another', 1)
  expect((await waiting).value).toMatchObject({ channel: 'another' })
})

test('a closed subscription gets no more events, also when its own listener closes it', async () => {
  const notifier = await openNotifier(bench)
  await publishNumbers(notifier, 10)
  const seen: unknown[] = []
  const other = await record(notifier)
  const subscription = await notifier.subscribe(['room'], {
    onEvent: (event) => {
      seen.push(event.kind === 'message' && event.data)
      void subscription.close()
      void subscription.close()
    },
  })
  await publishNumbers(notifier, 5, 10)
  await other.received(5)
  expect(seen).toEqual([10])
})

test('after subscribing and unsubscribing in any order the last call counts', async () => {
  const notifier = await openNotifier(bench)
  for (let round = 0; round < 50; round++) {
    const pending = numbers(1 + (round % 3)).map(() => record(notifier))
    const [first, ...others] = await Promise.all(pending)
    void first!.subscription.close()
    const again = record(notifier)
    for (const { subscription } of others) void subscription.close()
    const kept = await again
    await notifier.publish('room', round)
    await kept.received(1)
    expect(kept.data()).toEqual([round])
    void kept.subscription.close()
  }
  await until('the server forgot it', async () => (await followers(bench.raw)) === 0)
  expect(String(await bench.raw.call('PUBSUB', 'SHARDCHANNELS'))).toBe('')
})

test('two databases of one server do not get each other’s events', async () => {
  const [zero, one] = await Promise.all(
    [0, 1].map(async (db) => {
      const penknife = await openReady(pattern(bench.server.url, { db }))
      const notifier = createNotifier(penknife.space('shop'), 'main')
      return { notifier, ...(await record(notifier)) }
    }),
  )
  await zero!.notifier.publish('room', 'zero')
  await one!.notifier.publish('room', 'one')
  await zero!.notifier.nudge('room', 'zero again')
  await one!.notifier.nudge('room', 'one again')
  await Promise.all([zero!.received(2), one!.received(2)])
  expect([zero!.data(), one!.data()]).toEqual([
    ['zero', 'zero again'],
    ['one', 'one again'],
  ])
})

test('notifiers with other names or spaces are separate', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const notifiers = [
    ['shop', 'a'],
    ['shop', 'b'],
    ['other', 'a'],
  ].map(([space, name]) => createNotifier(penknife.space(space!), name!))
  const all = await Promise.all(notifiers.map((notifier) => record(notifier)))
  await Promise.all(notifiers.map((notifier, at) => notifier.publish('room', at)))
  await Promise.all(all.map(({ received }) => received(1)))
  expect(all.map(({ data }) => data())).toEqual([[0], [1], [2]])
})

test('a history expires after its ttl, which each event renews', async () => {
  const notifier = await openNotifier(bench, { ttl: '10m' })
  await notifier.publish('room', 1)
  expect(await bench.raw.pttl(ROOM)).toBeGreaterThan(9 * 60_000)
  await bench.raw.pexpire(ROOM, 1000)
  await notifier.publish('room', 2)
  expect(await bench.raw.pttl(ROOM)).toBeGreaterThan(9 * 60_000)
})

test('a followed history does not expire: a client that returns to a quiet channel within the ttl gets no reset', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  try {
    const notifier = await openNotifier(bench, { ttl: '10m' })
    await record(notifier)
    const [id] = await publishNumbers(notifier, 1)
    // Nearly expired, though clients are there.
    await bench.raw.pexpire(ROOM, 5000)
    vi.advanceTimersByTime(10_000)
    await until('it lives on', async () => (await bench.raw.pttl(ROOM)) > 10 * 60_000)
    const back = await record(notifier, id)
    await publishNumbers(notifier, 1, 1)
    await back.received(1)
    expect(back.data()).toEqual([1])
  } finally {
    vi.useRealTimers()
  }
})
