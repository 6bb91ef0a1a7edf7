import {
  createLeaderboard,
  createLock,
  createNotifier,
  createRateLimiter,
  createStream,
  type Penknife,
  type Space,
} from '@penknife/core'
import { describe, expect, test } from 'vitest'

import { openReady } from '../support/connect.ts'
import { useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { type Running, startDashboard } from './support.ts'

const bench = useRedis()

/** An application with everything that the dashboard shows, and a dashboard in a process that knows nothing of it. */
async function busy(
  options: Parameters<typeof startDashboard>[1] = {},
): Promise<Running & { app: Penknife; space: Space }> {
  const app = await openReady(bench.raw, { deadline: '30s' })
  const space = app.space('shop')
  const tool = await openReady(bench.raw, { deadline: '30s' })
  return { ...(await startDashboard(tool, options)), app, space }
}

describe('reads', () => {
  test('the overview has the server, its checks, and the totals of every space with rates', async () => {
    const { get, space } = await busy()
    const orders = createStream(space, 'orders', { groups: ['billing'] })
    await orders.addMany([1, 2, 3])
    createLeaderboard(space, 'points')
    await space.runtime.registered()
    const { status, body, headers } = await get('overview', {})
    expect(status).toBe(200)
    expect(headers.get('cache-control')).toBe('no-store')
    expect(body).toMatchObject({
      redis: { status: 'available' },
      spaces: [
        {
          space: 'shop',
          waiting: 3,
          objects: { stream: 1, leaderboard: 1 },
          attentionCount: 1,
          attention: [{ stream: 'orders', state: 'no-worker' }],
        },
      ],
    })
    expect(body.checks.map(({ check }) => check)).toEqual([
      'version',
      'eviction',
      'persistence',
      'memory',
      'evicted',
      'saving',
      'role',
      'clock',
    ])
    expect(body.checks.find(({ check }) => check === 'persistence')?.status).toBe('problem')
    expect(body.server?.usedMemoryBytes).toBeGreaterThan(0)
  })

  test('an entry: its payload, why it waits, its dead letter and its times', async () => {
    const { get, post, space } = await busy()
    const orders = createStream<{ total: number }>(space, 'orders', {
      groups: ['billing'],
      tags: ({ total }) => ({ total, user: 'ann b' }),
    })
    const id = await orders.add({ total: 5 })
    await space.runtime.registered()
    const of = { space: 'shop', stream: 'orders' }
    expect((await get('stream', of)).body).toMatchObject({
      stream: { entries: 1, added: 1, tagged: true },
      findable: true,
      groups: [{ name: 'billing', served: false }],
    })
    expect((await get('entry', { ...of, id })).body).toMatchObject({
      payload: { kind: 'value', json: '{"total":5}', cut: false, redacted: false },
      why: { state: 'waiting', reason: 'no-worker' },
      timeline: [{ text: 'added' }],
    })
    expect((await get('entries', of)).body.items).toMatchObject([{ id, payload: { json: '{"total":5}' } }])
    const found = { id, state: 'waiting', attempts: 0, payload: { json: '{"total":5}' } }
    for (const tags of ['total=5', 'user=ann b total=5']) {
      expect((await get('tagged', { ...of, tags })).body).toMatchObject({ items: [found] })
    }
    expect((await get('tagged', { ...of, tags: 'total=6' })).body.items).toEqual([])
    for (const tags of ['total', '=5', 'total=', 'total=5 total=5', 'x'.repeat(3001), 'user=\u0001'])
      expect((await get('tagged', { ...of, tags })).status).toBe(400)
    const worker = orders.worker('billing', () => Promise.reject(new Error('order 7 not found')), {
      maxAttempts: 1,
    })
    worker.on(() => {})
    await until('it is dead', async () => (await orders.find(id)).state === 'dead')
    await worker.close()
    const group = { ...of, group: 'billing' }
    expect((await get('dead-groups', group)).body.items).toMatchObject([
      { error: 'order # not found', count: 1 },
    ])
    const [letter] = (await get('dead', { ...group, error: 'order # not found' })).body.items
    expect(letter).toMatchObject({ id, reason: 'order 7 not found', payload: { json: '{"total":5}' } })
    expect((await get('dead', { ...group, contains: 'disk' })).body.items).toEqual([])
    const position = letter?.position ?? ''
    expect((await get('dead-letter', { ...group, position })).body).toMatchObject({
      id,
      error: 'order # not found',
    })
    expect((await get('entry', { ...of, id })).body).toMatchObject({
      why: { reason: 'dead' },
      dead: { position },
      payload: { json: '{"total":5}' },
      timeline: [{ text: 'added' }, { text: 'dead after 1 attempts (failed)' }],
    })

    // The letter is handled with another payload.
    expect((await post('dead.edit', { ...group, position, json: '{"total":6}' })).body).toMatchObject({
      changed: true,
    })
    const handled: unknown[] = []
    const again = orders.worker('billing', async ({ payload }) => void handled.push(payload))
    await until('it is handled', () => handled.length === 1)
    await again.close()
    expect(handled).toEqual([{ total: 6 }])
    expect((await post('dead.edit', { ...group, position, json: '1' })).body).toMatchObject({
      changed: false,
    })
  })

  test('limits: rules, parts, blocks, the state of a subject, and the most denied ones', async () => {
    const app = await openReady(bench.raw, { deadline: '30s' })
    const space = app.space('shop')
    const { get, post } = await startDashboard(app)
    const rules = [{ name: 'minute', limit: 1, window: '1m' }] as const
    const other = await openReady(bench.raw, { deadline: '30s' })
    const api = createRateLimiter(other.space('shop'), 'api', { rules, denyCache: false })
    const tenants = createRateLimiter(space, 'tenants', { rules: [{ ...rules[0], per: 'tenant' }] })
    await Promise.all([space.runtime.registered(), other.space('shop').runtime.registered()])
    const of = { space: 'shop', limiter: 'api' }
    expect((await get('denied', { space: 'shop' })).body.items).toEqual([])
    for (const subject of ['ann', 'ann', 'ann', 'bob', 'bob']) await api.take(subject)
    await tenants.take({ tenant: 'acme' })
    // The process that denies sends its counts, at the latest when it ends.
    await other.close()
    expect((await get('denied', { space: 'shop' })).body.items).toMatchObject([
      { limiter: 'api', subject: 'ann', count: 2, atMostMissing: 0, rule: 'minute' },
      { limiter: 'api', subject: 'bob', count: 1 },
    ])
    expect((await get('denied', { space: 'shop', limiter: 'tenants' })).body.items).toEqual([])
    expect((await get('limiter', { space: 'shop', limiter: 'tenants' })).body).toMatchObject({
      parts: ['tenant'],
      limiter: { rules: [{ name: 'minute', per: 'tenant', shadow: false }] },
    })
    expect((await get('subject', { ...of, subject: 'ann' })).body).toMatchObject({
      allowed: false,
      reason: 'rule',
    })
    expect(
      (await get('subject', { space: 'shop', limiter: 'tenants', 'part.tenant': 'acme' })).body,
    ).toMatchObject({ allowed: false })
    await post('limiter.block', { ...of, subject: 'eve', duration: 'forever', reason: 'fraud' })
    expect((await get('limiter', of)).body.blocks.items).toMatchObject([{ subject: 'eve', reason: 'fraud' }])
    // Infinite numbers are null.
    expect((await get('subject', { ...of, subject: 'eve' })).body).toMatchObject({
      reason: 'block',
      changesInMs: null,
    })
    expect((await post('limiter.unblock', { ...of, subject: 'eve' })).body).toMatchObject({ changed: true })
    expect((await post('limiter.reset', { ...of, subject: 'ann' })).body).toMatchObject({ changed: true })
    expect((await get('subject', { ...of, subject: 'ann' })).body).toMatchObject({ allowed: true })
  })

  test('boards, channels and locks, and what is done to them', async () => {
    const { get, post, space, app } = await busy()
    const points = createLeaderboard(space, 'points')
    const main = createNotifier(space, 'main')
    const jobs = createLock(space, 'jobs', { label: 'worker-7' })
    await points.increment('ann', 5)
    await points.describe('ann', { name: 'Ann' })
    await main.publish('room', { text: 'hi' })
    await space.runtime.registered()
    const of = { space: 'shop', board: 'points' }
    expect((await get('boards', { space: 'shop' })).body.items).toMatchObject([{ name: 'points' }])
    expect((await get('board', of)).body).toMatchObject({
      count: 1,
      rows: [{ member: 'ann', score: 5, rank: 1, data: { json: '{"name":"Ann"}' } }],
    })
    expect((await get('member', { ...of, member: 'ann' })).body).toMatchObject({
      windows: [{ row: { score: 5 } }],
      data: { json: '{"name":"Ann"}' },
    })
    expect((await post('board.remove', { ...of, member: 'ann' })).body).toMatchObject({ changed: true })
    const room = { space: 'shop', notifier: 'main', channel: 'room' }
    await post('channel.publish', { ...room, type: 'test', json: '{"from":"dashboard"}' })
    const { items, end } = (await get('channel', room)).body
    expect(items).toMatchObject([
      { type: 'message', data: { json: '{"text":"hi"}' } },
      { type: 'test', data: { json: '{"from":"dashboard"}' } },
    ])
    expect(end).toBe(items[1]?.id)
    expect((await post('channel.clear', room)).body).toMatchObject({ changed: true })
    expect((await get('channel', room)).body.items).toEqual([])
    expect((await post('notifier.revoke', { space: 'shop', notifier: 'main', user: 'eve' })).status).toBe(200)
    const held = await jobs.acquire('nightly')
    const lock = { space: 'shop', lock: 'jobs', key: 'nightly' }
    expect((await get('locks', { space: 'shop' })).body.items).toMatchObject([{ name: 'jobs' }])
    const { holder, fence } = (await get('lock', lock)).body
    expect({ holder, fence }).toEqual({ holder: 'worker-7', fence: held?.fence })
    expect((await post('lock.release', { ...lock, fence: fence ?? 0 })).body).toMatchObject({ changed: true })
    expect((await post('lock.release', { ...lock, fence: fence ?? 0 })).body).toMatchObject({
      changed: false,
    })
    void app
  })
})
