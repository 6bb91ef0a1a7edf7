import type { Space, WorkerOptions } from '@penknife/core'
import { createStream } from '@penknife/core'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'

import { createGroupConsumer } from '../../packages/core/src/stream/group-consumer.ts'
import type { LeasedEntry } from '../../packages/core/src/stream/leased-entry.ts'
import { createScope } from '../../packages/core/src/stream/scope.ts'
import { streamSettings, workerSettings } from '../../packages/core/src/stream/settings.ts'
import { openReady } from '../support/connect.ts'
import { addNumbers, pendingOf } from '../support/orders.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

const bench = useRedis()
const QUEUE = { groups: ['billing'] }

/** A loop that takes one entry after another, made of the parts of a worker without those that call handlers. */
function openLoop(space: Space, options: WorkerOptions = {}) {
  const fetched: LeasedEntry[] = []
  const asking: ((entry: LeasedEntry) => void)[] = []

  function serve(): void {
    while (asking.length > 0 && fetched.length > 0) {
      const entry = fetched.shift() as LeasedEntry
      if (consumer.start(entry)) asking.shift()?.(entry)
    }
  }

  function giveBackAll(why: 'closing' | 'paused'): void {
    for (const entry of fetched.splice(0)) consumer.giveBack(entry, why)
  }

  const consumer = createGroupConsumer(createScope(space, 'orders', streamSettings(QUEUE)), {
    group: 'billing',
    settings: workerSettings(options, false),
    entriesPerRead: 10,
    room: () => asking.length - fetched.length,
    take(entries) {
      fetched.push(...entries.filter(({ stage }) => stage === 'waiting'))
      serve()
    },
    paused: () => giveBackAll('paused'),
    resume: serve,
    busy: () => false,
    finishAll: async () => giveBackAll('closing'),
  })
  onTestFinished(() => consumer.close({ deadline: 0 }))
  return {
    ...consumer,
    next: () =>
      new Promise<LeasedEntry>((resolve) => {
        asking.push(resolve)
        serve()
        consumer.roomMade()
      }),
  }
}

async function openSpace(): Promise<Space> {
  return (await openReady(pattern(bench.server.url))).space('shop')
}

test("an application's own loop gets each entry once, and failed entries again", async () => {
  const space = await openSpace()
  const stream = createStream<number>(space, 'orders', QUEUE)
  await addNumbers(stream, 5)
  const loop = openLoop(space, { retryDelay: 0 })
  const seen: string[] = []
  for (let at = 0; at < 6; at++) {
    const entry = await loop.next()
    seen.push(`${entry.json} for the ${entry.attempt}. time`)
    if (entry.json === '2' && entry.attempt === 1) loop.fail(entry, new Error('not yet'), true)
    else loop.finish(entry)
  }
  expect(seen.toSorted()).toEqual([
    '0 for the 1. time',
    '1 for the 1. time',
    '2 for the 1. time',
    '2 for the 2. time',
    '3 for the 1. time',
    '4 for the 1. time',
  ])
  await until('Redis has every outcome', () => loop.leases.size === 0)
  expect(await bench.raw.xlen('pk1:{shop}:stream:orders')).toBe(0)
})

test("an application's own loop keeps the lease of its entry, however long it takes, and fetches no other", async () => {
  const space = await openSpace()
  const stream = createStream<number>(space, 'orders', QUEUE)
  await addNumbers(stream, 3)
  const loop = openLoop(space, { lease: 500 })
  const mine = await loop.next()
  const others: number[] = []
  const { saw } = startWorker(stream, 'billing', ({ payload }) => void others.push(payload), { lease: 500 })
  await saw('done', 2)
  await delay(1200)
  expect(await pendingOf(bench.raw, 'billing')).toMatchObject([{ id: mine.id, consumer: loop.name }])
  loop.finish(mine)
  await until('Redis has the outcome', () => loop.leases.size === 0)
  expect(new Set([Number(mine.json), ...others])).toEqual(new Set([0, 1, 2]))
})

test("an application's own loop that is closed gives back its entries, and others handle them at once", async () => {
  const space = await openSpace()
  const stream = createStream<number>(space, 'orders', QUEUE)
  await addNumbers(stream, 1)
  const loop = openLoop(space)
  await loop.next()
  await loop.close()
  const attempts: number[] = []
  const { saw } = startWorker(stream, 'billing', ({ attempt }) => void attempts.push(attempt))
  await saw('done')
  expect(attempts).toEqual([1])
})
