import { expect, test } from 'vitest'

import { record, numbers, openNotifier, publishNumbers, ROOM } from '../support/channels.ts'
import { createClock, useSettableClock } from '../support/clock.ts'
import { useRedis } from '../support/redis.ts'

useSettableClock()

const bench = useRedis()
const SECOND = 1_000_000
const START = 1_764_000_000 * SECOND

test('a publish repeated with its id adds nothing and resolves with the first event’s id', async () => {
  const notifier = await at(START)
  const { data, received } = await record(notifier)
  const first = await notifier.publish('room', 'a', { id: 'order-7' })
  expect(await notifier.publish('room', 'a again', { id: 'order-7' })).toBe(first)
  await notifier.publish('room', 'b', { id: 'order-8' })
  await received(2)
  expect(data()).toEqual(['a', 'b'])
  const other = await record(notifier, '-', 'another room')
  await notifier.publish('another room', 'c', { id: 'order-7' })
  await other.received(1)
})

test('an id is remembered for the window and no key without a TTL', async () => {
  const notifier = await at(START, { dedup: { window: '2s' } })
  await notifier.publish('room', 'a', { id: 'x' })
  const keys = await bench.raw.keys('*notify-id*')
  expect(keys).toHaveLength(1)
  expect(await bench.raw.pttl(keys[0]!)).toBeGreaterThan(0)
  expect(await bench.raw.pttl(keys[0]!)).toBeLessThanOrEqual(2000)
})

test('two publishes of one id in one tick are one event', async () => {
  const notifier = await at(START)
  const ids = await Promise.all(numbers(10).map((n) => notifier.publish('room', n, { id: 'same' })))
  expect(new Set(ids).size).toBe(1)
  expect(await bench.raw.xlen(ROOM)).toBe(1)
})

test('a subscriber that catches up does not get an expired event, and there is no gap', async () => {
  const notifier = await at(START)
  const [before] = await publishNumbers(notifier, 1)
  await notifier.publish('room', 'typing', { ttl: '5s' })
  await publishNumbers(notifier, 1, 1)
  const last = await notifier.publish('room', 'typing too', { ttl: '5s' })
  expect((await record(notifier, before)).data()).toEqual(['typing', 1, 'typing too'])
  await createClock(bench.raw).set(START + 5 * SECOND)
  const late = await record(notifier, before)
  expect(late.data()).toEqual([1])
  expect(late.subscription.cursors()).toEqual({ room: last })
})

test('a subscriber that catches up gets only the newest event of each coalesce name; a live one gets all', async () => {
  const notifier = await at(START)
  const [before] = await publishNumbers(notifier, 1)
  const live = await record(notifier)
  for (const [price, of] of [
    [1, 'a'],
    [2, 'b'],
    [3, 'a'],
    [4, 'a'],
  ] as const) {
    await notifier.publish('room', `${of}${price}`, { coalesce: `price:${of}` })
  }
  await publishNumbers(notifier, 1, 9)
  await live.received(5)
  expect(live.data()).toEqual(['a1', 'b2', 'a3', 'a4', 9])
  expect((await record(notifier, before)).data()).toEqual(['b2', 'a4', 9])
})

test('an event older than the age is deleted by later publishes, and a cursor before it gets a reset', async () => {
  const notifier = await at(START, { age: '1m' })
  const ids = await publishNumbers(notifier, 50)
  const clock = createClock(bench.raw)
  await clock.set(START + 61 * SECOND)
  const [next] = await publishNumbers(notifier, 1, 50)
  expect((await record(notifier, ids[10])).data()).toEqual(['reset'])
  expect((await record(notifier, ids[49])).data()).toEqual([50])
  expect((await record(notifier, '-')).data()).toEqual([50])
  await publishNumbers(notifier, 30, 51)
  expect(await bench.raw.xlen(ROOM)).toBeLessThan(40)
  expect((await record(notifier, next)).data()).toEqual(numbers(30, 51))
  await clock.set(START + 300 * SECOND)
  await publishNumbers(notifier, 1, 99)
  // The newest event stays, so that offsets go on.
  expect(await bench.raw.xlen(ROOM)).toBeGreaterThan(0)
})

test('each page of history leaves out its superseded events and all expired ones', async () => {
  const notifier = await at(START)
  const [before] = await publishNumbers(notifier, 1)
  for (const page of [0, 1, 2]) {
    await notifier.publish('room', `old ${page}`, { coalesce: 'price' })
    await notifier.publish('room', `typing ${page}`, { ttl: '1s' })
    await publishNumbers(notifier, 197, 1000 * page)
    await notifier.publish('room', `new ${page}`, { coalesce: 'price' })
  }
  await createClock(bench.raw).set(START + 2 * SECOND)
  const { data, received } = await record(notifier, before)
  await received(3 * 198)
  expect(data()).toEqual([0, 1, 2].flatMap((page) => [...numbers(197, 1000 * page), `new ${page}`]))
})

test('an id is a new event once the window is over', async () => {
  const notifier = await at(START)
  const first = await notifier.publish('room', 'a', { id: 'x' })
  const [key] = await bench.raw.keys('*notify-id*')
  await bench.raw.pexpire(key!, 0)
  const second = await notifier.publish('room', 'b', { id: 'x' })
  expect(second).not.toBe(first)
  expect((await record(notifier, '-')).data()).toEqual(['a', 'b'])
})

test('a notifier may get an age later: events without one are deleted like old ones', async () => {
  const without = await at(START)
  for (const price of [1, 2, 3]) await without.publish('room', price, { coalesce: 'price' })
  const notifier = await openNotifier(bench, { age: '1m' })
  const id = await notifier.publish('room', 4, { coalesce: '4000000000000' })
  expect(await bench.raw.xlen(ROOM)).toBe(2)
  await notifier.publish('room', 5)
  expect((await record(notifier, id)).data()).toEqual([5])
})

test('after the clock was set back no stored event follows one that is too old', async () => {
  const notifier = await at(START, { age: '1m' })
  await publishNumbers(notifier, 1)
  const clock = createClock(bench.raw)
  await clock.set(START - 20 * SECOND)
  const [second] = await publishNumbers(notifier, 300, 1)
  await clock.set(START + 50 * SECOND)
  const all = await record(notifier, '-')
  await all.received(301)
  const rest = await record(notifier, second)
  await rest.received(299)
  expect([all.data(), rest.data()]).toEqual([numbers(301), numbers(299, 2)])
})

test("'-' begins with the oldest event that is not too old, after any number of older ones", async () => {
  const notifier = await at(START, { age: '1m', history: 10_000 })
  await publishNumbers(notifier, 700)
  const clock = createClock(bench.raw)
  await clock.set(START + 61 * SECOND)
  expect((await record(notifier, '-')).data()).toEqual([])
  await publishNumbers(notifier, 300, 700)
  const { data, received } = await record(notifier, '-')
  await received(300)
  expect(data()).toEqual(numbers(300, 700))
  const page = await notifier.history('room', { limit: 2 })
  expect(page).toMatchObject({ lost: false, next: page.position })
  expect(page.items.map((event) => event.data)).toEqual([700, 701])
})

test('only an event of the same type supersedes an event', async () => {
  const notifier = await at(START)
  const [before] = await publishNumbers(notifier, 1)
  await notifier.publish('room', 'said', { type: 'said', coalesce: 'x' })
  await notifier.publish('room', 'moved', { type: 'moved', coalesce: 'x' })
  expect((await record(notifier, before)).data()).toEqual(['said', 'moved'])
})

async function at(us: number, options = {}) {
  await createClock(bench.raw).set(us)
  return openNotifier(bench, options)
}
