import {
  createLeaderboard,
  createNotifier,
  createRateLimiter,
  createStream,
  NeverRetryError,
  type Space,
} from '@penknife/core'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'

import { failure, openReady } from '../support/connect.ts'
import { admit } from '../support/members.ts'
import { deadLettersOf, ORDERS, readyOf } from '../support/orders.ts'
import { ownRedis, pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

const bench = useRedis()
const FULL = { code: 'PENKNIFE_UNAVAILABLE', fate: 'not-done' }

async function openShop(): Promise<Space> {
  return (await openReady(pattern(bench.server.url))).space('shop')
}

/** From now on Redis has more in memory than it may. */
async function fill(): Promise<void> {
  await bench.raw.config('SET', 'maxmemory', 1)
  onTestFinished(() => bench.raw.config('SET', 'maxmemory', 0).then(() => {}))
}

test('a server that adds filled is drained: by workers that start then, through retries, takeovers and dead letters', async () => {
  const server = await ownRedis({ args: ['--maxmemory', '12mb', '--maxmemory-policy', 'noeviction'] })
  const raw = new Redis(server.socket)
  onTestFinished(() => raw.disconnect())
  const penknife = await openReady(pattern(server.url))
  const orders = createStream<{ n: number; text: string }>(penknife.space('shop'), 'orders', {
    groups: ['billing'],
  })
  const text = 'x'.repeat(4000)
  let added = 0
  const addSome = async (): Promise<boolean> => {
    const some = Array.from({ length: 100 }, (_, at) => orders.add({ n: added + at, text }))
    const ends = await Promise.allSettled(some)
    const refused = ends.filter((end) => end.status === 'rejected')
    for (const { reason } of refused) expect(reason).toMatchObject(FULL)
    added += ends.length - refused.length
    return refused.length === 0
  }
  while (await addSome());
  expect(added).toBeGreaterThan(1000)
  // A worker that died had some of them.
  await raw.xreadgroup('GROUP', 'billing', 'dead', 'COUNT', 20, 'STREAMS', ORDERS, '>')

  const handled = new Map<string, number>()
  const worker = startWorker(
    orders,
    'billing',
    ({ id, attempt }) => {
      handled.set(id, attempt)
      if (handled.size % 50 === 1) throw new NeverRetryError('never')
      if (handled.size % 50 === 2 && attempt === 1) throw new Error('again')
    },
    { lease: 1000, retryDelay: 10, concurrency: 50 },
  )
  const { deadLetters } = orders.group('billing')
  await until('all of it is worked off', async () => {
    const { length, groups } = await orders.stats({ over: 0 })
    return length === 0 && groups[0]!.running + groups[0]!.waiting + groups[0]!.delayed === 0
  })
  expect(handled.size).toBe(added)
  expect(worker.of('recovered').length).toBeGreaterThanOrEqual(20)
  const dead = worker.of('dead').length
  expect(dead).toBeGreaterThan(10)
  expect(worker.of('trouble')).toEqual([])
  await worker.worker.close()
  expect(await deadLetters.purge({})).toBe(dead)
  // There is room again.
  await orders.add({ n: 0, text })
})

test('on a full server groups are paused, resumed and reset, and dead letters requeued and purged', async () => {
  const log = createStream<number>(await openShop(), 'orders', { retain: { entries: 100 } })
  await log.addMany([1, 2, 3, 4])
  const worker = startWorker(
    log,
    'billing',
    ({ payload }) => {
      if (payload < 4) throw new NeverRetryError('never')
    },
    { maxAttempts: 1 },
  )
  await worker.saw('dead', 3)
  await worker.worker.close()
  await fill()
  await expect(failure(log.add(5))).resolves.toMatchObject(FULL)
  const group = log.group('billing')
  expect(await group.pause()).toBe(true)
  expect(await group.resume()).toBe(true)
  const [newest, , oldest] = (await deadLettersOf(log, 'billing')).map(({ position }) => position)
  expect(await group.deadLetters.purge(newest!)).toBe(1)
  expect(await group.deadLetters.requeue(oldest!)).toBe(1)
  expect(await group.deadLetters.requeue({})).toBe(1)
  expect(await bench.raw.xlen(readyOf('billing'))).toBe(2)
  expect(await group.reset({ to: '-', discard: true })).toMatchObject({ waiting: 4 })
  expect(await log.group('mailing').reset({ to: '+' })).toMatchObject({ waiting: 0 })
  const again = startWorker(log, 'billing', () => {})
  await again.saw('done', 4)
})

test('a group is dropped from a full server, and the entries of only this group are deleted', async () => {
  const space = await openShop()
  await createStream<number>(space, 'orders', { groups: ['old', 'billing'] }).addMany([1, 2, 3])
  const orders = createStream<number>(space, 'orders', { groups: ['billing'] })
  await fill()
  const worker = startWorker(orders, 'billing', () => {})
  await worker.saw('done', 3)
  expect(await bench.raw.xlen(ORDERS)).toBe(3)
  expect(await orders.group('old').drop()).toBe(true)
  expect(await bench.raw.exists(ORDERS)).toBe(1)
  expect(await bench.raw.xlen(ORDERS)).toBe(0)
})

test('on a full server members are removed and increments undone, and rolling windows are read', async () => {
  const board = createLeaderboard(await openShop(), 'points', {
    windows: { all: 'all-time', day: { last: '1d' } },
    dedup: { window: '1h' },
  })
  await board.increment('ann', 5, { id: 'a' })
  await board.increment('bob', 3)
  await fill()
  await expect(failure(board.increment('cem', 1))).resolves.toMatchObject(FULL)
  expect(await board.undo('a')).toBe(true)
  expect(await board.remove('bob')).toBe(true)
  expect(await board.top(10, 1, { window: 'day' })).toEqual([])
})

test('on a full server slots are released and renewed, subjects reset and unblocked', async () => {
  const limiter = createRateLimiter(await openShop(), 'api', {
    rules: [
      { name: 'parallel', algorithm: 'concurrency', limit: 2, lease: '1m' },
      { name: 'burst', limit: 5, window: '1m' },
    ],
    deadline: '5s',
  })
  const first = await limiter.take('ann')
  const second = await limiter.take('ann')
  await limiter.block('bob', { duration: '1h', reason: 'abuse' })
  await fill()
  expect(await first.lease!.renew()).toBe(true)
  expect(await first.lease!.release()).toBe(true)
  expect(await second.lease!.release()).toBe(true)
  expect(await limiter.unblock('bob')).toBe(true)
  await limiter.reset('ann')
  await expect(failure(limiter.block('cem', { duration: '1h', reason: 'abuse' }))).resolves.toMatchObject(
    FULL,
  )
  expect(await bench.raw.keys('*:{*/*')).toEqual([])
})

test('on a full server rights are revoked, connections given back and nudges sent', async () => {
  const notifier = createNotifier(await openShop(), 'main')
  const received: unknown[] = []
  await notifier.listen(['*'], { onEvent: (event) => received.push(event.kind === 'message' && event.data) })
  const ann = await admit(notifier, 'ann', 1)
  const bob = await admit(notifier, 'bob', 1)
  await fill()
  await expect(failure(notifier.publish('room', 1))).resolves.toMatchObject(FULL)
  await notifier.nudge('room', 2)
  await until('the nudge was received', () => received.includes(2))
  await notifier.revoke('ann')
  await until('ann was notified', () => ann.ended !== undefined)
  await bob.admission.close()
  await until(
    'no connection is counted',
    async () => (await bench.raw.keys('*notify-connections*')).length === 0,
  )
})
