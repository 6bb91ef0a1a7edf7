import {
  createLeaderboard,
  createLock,
  createNotifier,
  createRateLimiter,
  createStream,
  type Space,
} from '@penknife/core'
import type { DashboardActions } from '@penknife/dashboard'
import { expect, test } from 'vitest'

import { openReady } from '../support/connect.ts'
import { useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { type Running, startDashboard } from './support.ts'

const bench = useRedis()

interface Desk extends Running {
  /** The application, in another process as it were. */
  readonly space: Space
  /** Does an action, which must change something, and checks its record in the audit. */
  act<Name extends keyof DashboardActions>(
    name: Name,
    body: DashboardActions[Name],
    target: string,
  ): Promise<{ readonly id?: string; readonly count?: number }>
}

async function desk(): Promise<Desk> {
  const space = (await openReady(bench.raw, { deadline: '30s' })).space('shop')
  const running = await startDashboard(await openReady(bench.raw, { deadline: '30s' }))
  const { get, post } = running
  return {
    ...running,
    space,
    async act(name, body, target) {
      const { status, body: answer } = await post(name, body)
      expect([name, status, answer.changed]).toEqual([name, 200, true])
      const { items } = (await get('audit', { limit: 1 })).body
      expect(items).toMatchObject([{ user: 'ann', action: name, target, outcome: 'done', text: answer.text }])
      return answer
    },
  }
}

test('a schedule: paused, resumed, run now and removed', async () => {
  const { space, act } = await desk()
  const orders = createStream(space, 'orders', { groups: ['billing'] })
  await orders.schedule('nightly', { cron: '30 2 * * *', payload: 'n' })
  await space.runtime.registered()
  const of = { space: 'shop', stream: 'orders', id: 'nightly' }
  const { keys } = space.runtime
  const target = 'shop/orders/nightly'
  const due = (): Promise<string | null> => bench.raw.zscore(keys.schedulesDue('orders'), 'nightly')
  await act('schedule.pause', of, target)
  expect((await orders.schedules.get('nightly'))?.paused).toBe(true)
  await act('schedule.resume', of, target)
  expect((await orders.schedules.get('nightly'))?.paused).toBe(false)
  expect(Number(await due())).toBeGreaterThan(Date.now())
  const { id = '' } = await act('schedule.run', of, target)
  expect(await bench.raw.xrange(keys.stream('orders'), '-', '+')).toEqual([
    [id, expect.arrayContaining(['d', '"n"'])],
  ])
  await act('schedule.remove', of, target)
  expect(await due()).toBeNull()
  expect(await bench.raw.zcard(keys.scheduleIds('orders'))).toBe(0)
})

test('a group and its entries: paused, resumed, cancelled, moved, retried and cleared', async () => {
  const { space, act } = await desk()
  const orders = createStream<number>(space, 'orders', { groups: ['billing'] })
  const first = await orders.add(1)
  const delayed = await orders.add(2, { delay: '1h' })
  await space.runtime.registered()
  const group = { space: 'shop', stream: 'orders', group: 'billing' }
  const entry = (id: string): { space: string; stream: string; id: string } => ({
    space: 'shop',
    stream: 'orders',
    id,
  })
  const { keys } = space.runtime
  await act('stream.pause', group, 'shop/orders/billing')
  expect(await bench.raw.exists(keys.paused('orders', 'billing'))).toBe(1)
  await act('stream.resume', group, 'shop/orders/billing')
  expect(await bench.raw.exists(keys.paused('orders', 'billing'))).toBe(0)
  await act('entry.cancel', entry(first), `shop/orders/${first}`)
  expect(await bench.raw.xrange(keys.stream('orders'), first, first)).toEqual([])
  expect((await orders.find(first)).state).toBe('gone')
  const atMs = Date.now() + 7_200_000
  await act('entry.reschedule', { ...entry(delayed), atMs }, `shop/orders/${delayed}`)
  expect(await bench.raw.zrange(keys.delayed('orders', 'billing'), '0', '0', 'WITHSCORES')).toContain(
    `${atMs}`,
  )
  await act('entry.retry', entry(delayed), `shop/orders/${delayed}`)
  const [, at] = await bench.raw.zrange(keys.delayed('orders', 'billing'), '0', '0', 'WITHSCORES')
  expect(Number(at ?? 0)).toBeLessThanOrEqual(Date.now())
  await orders.addMany([3, 4])
  expect((await act('stream.clear', group, 'shop/orders/billing')).count).toBe(3)
  expect((await orders.stats({ over: 0 })).groups[0]).toMatchObject({ waiting: 0, delayed: 0 })
})

test('dead letters: retried, edited and requeued, purged', async () => {
  const { space, act } = await desk()
  const orders = createStream<number>(space, 'orders', { groups: ['billing'] })
  const ids = await orders.addMany([1, 2, 3])
  const worker = orders.worker('billing', () => Promise.reject(new Error('no stock')), { maxAttempts: 1 })
  worker.on(() => {})
  const { deadLetters } = orders.group('billing')
  await until('all are dead', async () => (await deadLetters.list()).items.length === 3)
  await worker.close()
  await space.runtime.registered()
  const positions = new Map((await deadLetters.list()).items.map(({ id, position }) => [id, position]))
  const [first = '', second = '', third = ''] = ids
  const group = { space: 'shop', stream: 'orders', group: 'billing' }
  const at = (id: string): string => positions.get(id) ?? ''
  await act('entry.retry', { space: 'shop', stream: 'orders', id: first }, `shop/orders/${first}`)
  const edited = { ...group, position: at(second), json: '20' }
  await act('dead.edit', edited, `shop/orders/billing/${at(second)}`)
  const ready = await bench.raw.xrange(space.runtime.keys.ready('orders', 'billing'), '-', '+')
  expect(ready.map(([, fields]) => fields[fields.indexOf('d') + 1])).toEqual(['1', '20'])
  expect((await deadLetters.list()).items.map(({ id }) => id)).toEqual([third])
  await act('dead.purge', { ...group, position: at(third) }, `shop/orders/billing/${at(third)}`)
  expect(await bench.raw.xlen(space.runtime.keys.deadLetters('orders', 'billing'))).toBe(0)
  const handled: number[] = []
  const again = orders.worker('billing', async ({ payload }) => void handled.push(payload))
  await until('both are handled', () => handled.length === 2)
  await again.close()
  expect(handled.toSorted((a, b) => a - b)).toEqual([1, 20])
})

test('a limiter: a subject is blocked, unblocked and reset', async () => {
  const { space, act } = await desk()
  const rules = [{ name: 'minute', limit: 1, window: '1m' }] as const
  const limiter = createRateLimiter(space, 'api', { rules, denyCache: false, deadline: '30s' })
  await limiter.take('ann')
  await space.runtime.registered()
  const of = { space: 'shop', limiter: 'api', subject: 'ann' }
  await act('limiter.block', { ...of, duration: '1h', reason: 'fraud' }, 'shop/api/ann/1h/fraud')
  expect((await limiter.take('ann')).blocked).toMatchObject({ reason: 'fraud' })
  await act('limiter.unblock', of, 'shop/api/ann')
  expect(await limiter.take('ann')).toMatchObject({ allowed: false, rule: 'minute' })
  expect((await limiter.take('ann')).blocked).toBeUndefined()
  await act('limiter.reset', of, 'shop/api/ann')
  expect((await limiter.take('ann')).allowed).toBe(true)
})

test('a board, a channel and a lock: a member removed, an event published, the history cleared, rights revoked, a lease ended', async () => {
  const { space, act } = await desk()
  const points = createLeaderboard(space, 'points')
  await points.increment('ann', 5)
  await points.increment('bob', 3)
  await points.describe('ann', { name: 'Ann' })
  const main = createNotifier(space, 'main')
  const held = await createLock(space, 'jobs').tryAcquire('nightly')
  await space.runtime.registered()
  const { keys } = space.runtime
  await act('board.remove', { space: 'shop', board: 'points', member: 'ann' }, 'shop/points/ann')
  expect(await bench.raw.zrange(keys.leaderboard('points'), '0', '-1')).toEqual(['bob'])
  expect(await bench.raw.hexists(keys.leaderboardPart('points', 'data'), 'ann')).toBe(0)

  const room = { space: 'shop', notifier: 'main', channel: 'room' }
  await act('channel.publish', { ...room, json: '"hi"' }, 'shop/main/room')
  expect((await main.history('room')).items.map(({ json }) => json)).toEqual(['"hi"'])
  await act('channel.clear', room, 'shop/main/room')
  expect(await bench.raw.exists(keys.history('main', 'room'))).toBe(0)
  const revoked = { space: 'shop', notifier: 'main', user: 'eve', channels: ['room'] }
  await act('notifier.revoke', revoked, 'shop/main/eve')
  const control = await bench.raw.xrange(keys.control('main'), '-', '+')
  expect(JSON.stringify(control)).toMatch(/eve.*room/)

  const fence = held?.fence ?? 0
  await act(
    'lock.release',
    { space: 'shop', lock: 'jobs', key: 'nightly', fence },
    `shop/jobs/nightly/${fence}`,
  )
  expect(await bench.raw.exists(keys.guardOf('lock', 'jobs', 'nightly'))).toBe(0)
  expect(await held?.release()).toBe(false)
})
