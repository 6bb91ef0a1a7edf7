import { createHash } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'

import type { Stream, StreamOptions } from '@penknife/core'
import { expect, onTestFinished, test } from 'vitest'

import { brokenScript } from '../../chaos/harness/sabotage.ts'
import { deferred } from '../support/deferred.ts'
import { delayedOf, openOrders, ORDERS, readyOf } from '../support/orders.ts'
import { useRedis } from '../support/redis.ts'
import { startWorker } from '../support/workers.ts'

const bench = useRedis()

/** A running entry, one that waits for a retry, a dead letter, delayed ones before and after their first read, and new ones. */
async function filled(options: StreamOptions<string>, key?: string) {
  const stream = await openOrders<string>(bench, options)
  const gate = deferred()
  const handled: string[] = []
  const { worker, saw } = startWorker(
    stream,
    'billing',
    async ({ payload }) => {
      if (payload === 'runs') await gate.promise
      if (payload === 'retries' || payload === 'dies') throw new Error(payload)
      handled.push(payload)
    },
    { concurrency: 1, retryDelay: '1h', maxAttempts: 2 },
  )
  const keyed = (name: string): { key?: string } => (key === undefined ? {} : { key: name })
  await stream.add('dies', { ...keyed('dies'), attempts: 1 })
  await stream.add('retries', keyed('retries'))
  await stream.add('later', { ...keyed('later'), delay: '1h' })
  await stream.add('runs', keyed('runs'))
  await saw('dead')
  await saw('retrying')
  await saw('delayed')
  if (key !== undefined) {
    await stream.addMany(['b', 'b', 'b'], { key: () => 'runs' })
    await stream.addMany(['b', 'b'], { key: () => 'retries' })
  }
  await stream.addMany(
    Array.from({ length: 1200 }, () => 'new'),
    key === undefined ? {} : { key: (_, at) => `k${at % 7}` },
  )
  await stream.add('later', { ...keyed('last'), delay: '1h' })
  return { stream, gate, handled, worker, saw, waiting: key === undefined ? 1203 : 1208 }
}

async function statsOf(stream: Stream<string>, group = 'billing') {
  const { length, groups } = await stream.stats({ over: 0 })
  const { waiting, exact, running, delayed, dead, queued } = groups.find(({ name }) => name === group)!
  return { length, waiting, exact, running, delayed, dead, queued }
}

test.each<[string, StreamOptions<string>, string | undefined]>([
  ['a work queue', { groups: ['billing'] }, undefined],
  ['a work queue with order by key', { groups: ['billing'], order: 'key' }, 'k'],
])('clearing the group of %s removes all that waits, and nothing else', async (_, options, key) => {
  const { stream, gate, handled, saw, waiting } = await filled(options, key)
  await stream.group('billing').pause()
  await saw('paused')
  expect(await stream.group('billing').clear()).toBe(waiting)
  expect(await statsOf(stream)).toEqual({
    length: 1,
    waiting: 0,
    exact: true,
    running: 1,
    delayed: 0,
    dead: 1,
    queued: 0,
  })
  gate.resolve()
  await saw('done')
  await stream.group('billing').resume()
  const after = ['k0', 'runs', 'retries', 'later', 'last']
  await stream.addMany(
    after.map((name) => `after ${name}`),
    key === undefined ? {} : { key: (_payload, at) => after[at] as string },
  )
  await saw('done', 1 + after.length)
  expect(handled.toSorted()).toEqual([...after.map((name) => `after ${name}`), 'runs'].toSorted())
  expect(await stream.group('billing').clear()).toBe(0)
  if (key !== undefined) expect(await bench.raw.hkeys(`${ORDERS}:busy:billing`)).toEqual([''])
})

test('clearing one group of a queue or a log leaves the entries of the others', async () => {
  for (const options of [{ groups: ['billing', 'mail'] }, { retain: { entries: 5000 } }]) {
    await bench.raw.flushall()
    const stream = await openOrders(bench, options)
    await stream.addMany(Array.from({ length: 600 }, (_, at) => at))
    await bench.raw.xgroup('CREATE', ORDERS, 'billing', '0').catch(() => {})
    await bench.raw.xgroup('CREATE', ORDERS, 'mail', '0').catch(() => {})
    expect(await stream.group('billing').clear()).toBe(600)
    const mail = startWorker(stream, 'mail', () => {})
    await mail.saw('done', 600)
    await mail.worker.close()
    const { groups, length } = await stream.stats({ over: 0 })
    expect(groups.map(({ name, waiting, exact }) => [name, waiting, exact])).toEqual([
      ['billing', 0, true],
      ['mail', 0, true],
    ])
    expect(length).toBe('retain' in options ? 600 : 0)
    await stream.add(1)
    const billing = startWorker(stream, 'billing', () => {})
    await billing.saw('done', 1)
    await billing.worker.close()
  }
})

test('entries that are added while a group is cleared stay', async () => {
  const stream = await openOrders(bench, { groups: ['billing'] })
  await stream.addMany(Array.from({ length: 2000 }, (_, at) => at))
  // Now Redis has the script, so no call is repeated.
  expect(await stream.group('billing').clear()).toBe(2000)
  await stream.addMany(Array.from({ length: 2000 }, (_, at) => at))
  const clearing = stream.group('billing').clear()
  // Its first script call was sent.
  await turn()
  const added = await stream.addMany([1, 2, 3])
  expect(await clearing).toBe(2000)
  const { items } = await stream.read()
  expect(items.map(({ id }) => id)).toEqual(added)
})

test('members that something else wrote stay, and do not stop the clearing', async () => {
  const stream = await openOrders(bench, { groups: ['billing'] })
  await stream.add(1)
  await bench.raw.zadd(delayedOf('billing'), 9e15, 'not an entry')
  await bench.raw.xadd(readyOf('billing'), '*', 'x', 'y')
  expect(await stream.group('billing').clear()).toBe(1)
  expect(await bench.raw.zcard(delayedOf('billing'))).toBe(1)
  expect(await bench.raw.xlen(readyOf('billing'))).toBe(1)
})

test('nothing is missed when delayed entries that stay leave between two script calls', async () => {
  const { script, text } = brokenScript({
    script: 'stream/clear',
    from: 'local wrong',
    to: "if from == '500' then redis.call('ZREMRANGEBYRANK', delayed, 0, 199) end\nlocal wrong",
  })
  const before = { ...script }
  onTestFinished(() => void Object.assign(script, before))
  Object.assign(script, { text, sha: createHash('sha1').update(text).digest('hex') })
  const stream = await openOrders(bench, { groups: ['billing'] })
  const { worker, saw } = startWorker(stream, 'billing', () => {})
  await stream.addMany([1, 2, 3], { delay: '1h' })
  await saw('delayed', 3)
  await worker.close()
  // They are due earlier, and something else wrote them.
  const others = Array.from({ length: 600 }, (_, at) => [1, `not an entry ${at}`]).flat()
  await bench.raw.zadd(delayedOf('billing'), ...(others as [number, string]))
  expect(await stream.group('billing').clear()).toBe(3)
  expect(await bench.raw.zcard(delayedOf('billing'))).toBe(400)
})
