import type { StreamWatchEvent } from '@penknife/core'
import { expect, onTestFinished, test } from 'vitest'

import { failure } from '../support/connect.ts'
import { openOrders, ORDERS } from '../support/orders.ts'
import { callsOf, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

const bench = useRedis()
const QUEUE = { groups: ['billing'] }

test('a process that watches a stream gets the events of the workers of all processes', async () => {
  const [stream, watcher] = [await openOrders(bench, QUEUE), await openOrders(bench, QUEUE)]
  const workers = [1, 2].map(() =>
    startWorker(
      stream,
      'billing',
      ({ payload }) => {
        if (payload === 1) throw new Error('broken')
      },
      { maxAttempts: 1 },
    ),
  )
  const ids = await stream.addMany([0, 1])
  await until('they are handled', () => workers.flatMap(({ events }) => events).length >= 3)
  const seen: StreamWatchEvent[] = []
  const watch = await watcher.watch((event) => {
    seen.push(event)
    if (event.kind === 'watching') throw new Error('a listener must not end the process')
  })
  onTestFinished(() => watch.close())
  expect(seen.map(({ kind }) => kind)).toEqual(['watching'])
  // The workers learn of it by a message.
  const more: string[] = []
  await until('an event arrives', async () => {
    more.push(await stream.add(more.length + 10))
    return seen.some(({ kind }) => kind === 'done')
  })
  const dead = await stream.add(1)
  await until('the dead letter is reported', () => seen.some(({ kind }) => kind === 'dead'))
  const consumers = workers.map(({ worker }) => worker.consumer)
  const letter = seen.find(({ kind }) => kind === 'dead') as Extract<StreamWatchEvent, { kind: 'dead' }>
  expect(consumers).toContain(letter.consumer)
  expect(letter).toEqual({
    kind: 'dead',
    why: 'failed',
    error: 'broken',
    id: dead,
    attempt: 1,
    fence: 1,
    space: 'shop',
    name: 'orders',
    group: 'billing',
    consumer: letter.consumer,
  })
  const reported = seen.flatMap((event) => ('id' in event ? [event.id] : []))
  expect(reported).not.toContain(ids[0])
  expect([...more, dead]).toEqual(expect.arrayContaining(reported))
  expect(await bench.raw.pttl(`${ORDERS}:watched`)).toBeGreaterThan(40_000)

  await bench.raw.spublish(`${ORDERS}:watched:live`, 'no event')
  await bench.raw.spublish(`${ORDERS}:watched:live`, '[{"kind":"skipped","events":3},5,null]')
  await until('it arrives', () => seen.some(({ kind }) => kind === 'skipped'))
  watch.close()
  const before = seen.length
  await bench.raw.spublish(`${ORDERS}:watched:live`, '[{"kind":"skipped","events":3}]')
  const followed = async (): Promise<unknown> =>
    bench.raw.call('PUBSUB', 'SHARDCHANNELS', `${ORDERS}:watched*`)
  await until('nothing is followed', async () => String(await followed()) === '')
  expect(seen).toHaveLength(before)
})

test('workers publish nothing while nobody watches, and more than 500 events at once are counted', async () => {
  const stream = await openOrders(bench, QUEUE)
  const { saw, worker } = startWorker(stream, 'billing', () => {})
  await stream.addMany([1, 2, 3])
  await saw('done', 3)
  expect(await callsOf(bench.raw, 'spublish')).toBe(0)
  const seen: StreamWatchEvent[] = []
  const watch = await stream.watch((event) => seen.push(event))
  onTestFinished(() => watch.close())
  await stream.group('billing').pause()
  await saw('paused')
  await stream.addMany(Array.from({ length: 2000 }, (_, at) => at))
  worker.setConcurrency(1000)
  await stream.group('billing').resume()
  await saw('done', 2003)
  const counted = (): number =>
    seen.reduce((sum, event) => sum + (event.kind === 'skipped' ? event.events : 1), 0)
  // 'watching', 'paused', 'unpaused', and two for each entry.
  await until('all are there', () => counted() >= 3 + 2 * 2000)
})

test('a listener that is no function is refused, and a close ends the watch', async () => {
  const stream = await openOrders(bench, QUEUE)
  expect(await failure(stream.watch(5 as never))).toMatchObject({ option: 'listener' })
})
