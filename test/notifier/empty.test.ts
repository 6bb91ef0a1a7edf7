import { expect, test } from 'vitest'

import { createNotifier } from '@penknife/core'

import { record, openNotifier, publishNumbers, ROOM } from '../support/channels.ts'
import { openReady } from '../support/connect.ts'
import { ownRedis, pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

// The position of a channel without a history. After any fault of Redis, a client that resumes from it gets all
// events or a reset.

const bench = useRedis()
const NEXT = 'pk1:{shop}:notify-next:main'

/** The position before anything was published. */
async function emptyPosition(): Promise<string> {
  const notifier = await openNotifier(bench)
  return (await notifier.positions(['room']))['room']!
}

/** The events of a client that resumes there. */
async function resumed(position: string): Promise<unknown[]> {
  return (await record(await openNotifier(bench), position)).data()
}

test.each([
  ['its history expired', () => bench.raw.pexpire(ROOM, -1)],
  ['its history was deleted', () => bench.raw.del(ROOM)],
  [
    'its history was evicted, and begun by somebody else',
    () => bench.raw.multi().del(ROOM).xadd(ROOM, '*', 'a', 'b').exec(),
  ],
  ['Redis was emptied', () => bench.raw.flushall()],
  ['all events were trimmed', () => bench.raw.xtrim(ROOM, 'MAXLEN', 0)],
  [
    'the first event was deleted',
    async () => bench.raw.xdel(ROOM, (await bench.raw.xrange(ROOM, '-', '+'))[0]![0]),
  ],
])('is lost, with a reset, once events came after it and %s', async (_, lose) => {
  const position = await emptyPosition()
  const notifier = await openNotifier(bench)
  await publishNumbers(notifier, 3, 1)
  await lose()
  expect(await resumed(position)).toEqual(['reset'])
  await publishNumbers(notifier, 1, 4)
  expect(await resumed(position)).toEqual(['reset'])
})

test('is lost, with a reset, when a channel was empty, had events, lost them and was read again while empty', async () => {
  const before = await emptyPosition()
  const notifier = await openNotifier(bench)
  await publishNumbers(notifier, 3, 1)
  await bench.raw.del(ROOM)
  const after = await emptyPosition()
  expect(after).not.toBe(before)
  await publishNumbers(notifier, 1, 4)
  expect(await resumed(before)).toEqual(['reset'])
  expect(await resumed(after)).toEqual([4])
})

test.each([
  ['while nothing was published', 0, []],
  ['with what was published since', 3, [1, 2, 3]],
])('is good however much later, %s', async (_, count, events) => {
  const position = await emptyPosition()
  await publishNumbers(await openNotifier(bench), count, 1)
  expect(await resumed(position)).toEqual(events)
  expect(await resumed(position)).toEqual(events)
})

test('is lost, with a reset, when Redis forgot it, though nothing may have been published', async () => {
  const position = await emptyPosition()
  await bench.raw.del(NEXT)
  expect(await resumed(position)).toEqual(['reset'])
  await publishNumbers(await openNotifier(bench), 1, 4)
  expect(await resumed(position)).toEqual(['reset'])
})

test('is lost, with a reset, after a restart without data', async () => {
  const server = await ownRedis()
  const notifier = await openNotifier({ server })
  const position = (await notifier.positions(['room']))['room']!
  await publishNumbers(notifier, 3, 1)
  await server.restart()
  const again = await openNotifier({ server })
  await publishNumbers(again, 1, 4)
  expect((await record(again, position)).data()).toEqual(['reset'])
})

test('is what it was after a restart with data', async () => {
  const server = await ownRedis({ persist: true })
  const notifier = await openNotifier({ server })
  const { room, other } = await notifier.positions(['room', 'other'])
  await publishNumbers(notifier, 2, 1)
  await server.restart()
  const again = await openNotifier({ server })
  expect((await record(again, room)).data()).toEqual([1, 2])
  expect((await record(again, other, 'other')).data()).toEqual([])
})

test('continues, as any position does, when Redis went back to a state before the first event', async () => {
  const position = await emptyPosition()
  const notifier = await openNotifier(bench)
  const [id] = await publishNumbers(notifier, 3, 1)
  // As a replica has it that did not get the events.
  await bench.raw.multi().del(ROOM).zadd(NEXT, id!.split('-')[0]!, ROOM).exec()
  await publishNumbers(notifier, 1, 4)
  expect(await resumed(position)).toEqual([4])
  // A client that saw a lost event gets a reset.
  expect(await resumed(id!)).toEqual(['reset'])
})

test('is lost, with a reset, where Redis went back to a state before it was given out', async () => {
  await bench.raw.set('other', 1)
  const position = await emptyPosition()
  await publishNumbers(await openNotifier(bench), 3, 1)
  await bench.raw.del(ROOM, NEXT)
  expect(await resumed(position)).toEqual(['reset'])
})

test('is given to everybody alike until the first event, and then no more', async () => {
  const [one, two] = [await emptyPosition(), await emptyPosition()]
  expect(one).toBe(two)
  const [id] = await publishNumbers(await openNotifier(bench), 1)
  expect(id!.split('-')[0]).toBe(one.split('-')[0])
  expect(await bench.raw.exists(NEXT)).toBe(0)
  expect(await emptyPosition()).toBe(id)
})

test('of many requested channels costs bounded memory: the oldest is forgotten, and gets a reset', async () => {
  const position = await emptyPosition()
  const others = Array.from({ length: 99_999 }, (_, at) => [
    Number.parseInt(position) + 1,
    `other:${at}`,
  ]).flat()
  for (let at = 0; at < others.length; at += 20_000)
    await bench.raw.zadd(NEXT, ...others.slice(at, at + 20_000))
  const notifier = await openNotifier(bench)
  const { another } = await notifier.positions(['another'])
  expect(await bench.raw.zcard(NEXT)).toBe(100_000)
  expect(await bench.raw.zscore(NEXT, ROOM)).toBeNull()
  expect(await resumed(position)).toEqual(['reset'])
  expect((await record(notifier, another, 'another')).data()).toEqual([])
  expect(await bench.raw.pttl(NEXT)).toBeGreaterThan(0)
})

test('a live subscriber of an empty channel gets the first event without a reset', async () => {
  const notifier = await openNotifier(bench)
  const { data, received } = await record(notifier)
  await publishNumbers(notifier, 2, 1)
  await received(2)
  expect(data()).toEqual([1, 2])
})

test('a client that was cut off from an empty channel gets the events of the meantime', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const { data, received, subscription } = await record(createNotifier(penknife.space('shop'), 'main'))
  await bench.raw.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
  await publishNumbers(await openNotifier(bench), 2, 1)
  await received(2)
  expect(data()).toEqual([1, 2])
  await until('it is there', () => subscription.cursors()['room']!.includes('-2-'))
})
