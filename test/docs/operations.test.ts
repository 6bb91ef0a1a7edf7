import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { admit } from '../support/members.ts'
import { documentedRights } from '../support/documented-user.ts'
import { deadLettersOf } from '../support/orders.ts'

import {
  connect,
  createLeaderboard,
  createNotifier,
  createPresence,
  createRateLimiter,
  createStream,
} from '@penknife/core'

import { startRedis } from '../../scripts/redis/server.ts'

test('the locked-down user of docs/operations.md can use every feature', async () => {
  await using redis = await startRedis()
  const admin = new Redis(redis.url)
  await admin.call('ACL', ['SETUSER', 'app', ...documentedRights()])
  const denied = async (): Promise<unknown> => admin.call('ACL', 'LOG')

  const penknife = connect(new Redis(redis.url, { username: 'app', password: 'secret', lazyConnect: true }))
  const space = penknife.space('shop')
  const limiter = createRateLimiter(space, 'api', {
    rules: [{ name: 'burst', limit: 1, window: '1s' }],
    whenUnavailable: 'throw',
    deadline: '5s',
  })
  expect(await limiter.take('ann')).toMatchObject({ allowed: true })

  const board = createLeaderboard(space, 'points')
  await board.increment('ann')
  expect(await board.top()).toHaveLength(1)
  expect(await board.around('ann')).toHaveLength(1)
  expect(await board.rank('ann')).toMatchObject({ rank: 1 })

  const season = createLeaderboard<{ name: string }>(space, 'season', {
    windows: { all: 'all-time', week: { calendar: 'week' }, day: { last: '1d', tolerance: '1m' } },
    decimals: 0,
    denseRanks: true,
    dedup: { window: '1h' },
    events: { top: 1, overtaken: 1 },
  })
  await season.update([
    { member: 'ann', increment: 2, id: 'a' },
    { member: 'bob', increment: 1 },
  ])
  await season.describe('ann', { name: 'Ann' })
  expect(await season.top(2, 1, { window: 'day', ranks: 'dense', data: true })).toHaveLength(2)
  expect(await season.ranks(['ann', 'bob'], { window: 'week' })).toHaveLength(2)
  expect([await season.percentile('ann'), await season.scoreAt(50), await season.count()]).toHaveLength(3)
  expect([await season.undo('a'), await season.remove('bob')]).toEqual([true, true])

  const notifier = createNotifier(space, 'main')
  const events: unknown[] = []
  let reported = (): void => {}
  const badge = new Promise<void>((resolve) => (reported = resolve))
  await notifier.subscribe(['badges'], {
    onEvent(event) {
      events.push(event.kind)
      if (events.length === 2) reported()
    },
  })
  const presence = createPresence(space, 'main', { announce: notifier })
  await presence.join('room', 'ann').joined
  expect(await presence.members('room')).toEqual({ count: 1, members: ['ann'] })
  await presence.close()
  const ended = new Promise<string>((onEnd) => {
    const admitted = notifier.admit('ann', { onRevoked: () => {}, onEnd })
    // Two connections of one user with a bound of one, in two notifiers, so that one checks the other's process.
    void admitted.then((first) => first.limit(1)).then(() => admit(createNotifier(space, 'main'), 'ann', 1))
  })
  expect(await ended).toBe('connections')
  const guest = await admit(notifier, 'bob')
  await notifier.revoke('bob', ['badges'])
  await guest.admission.close()
  const stream = createStream<number>(space, 'activity', { groups: ['badges'], retain: { entries: 1 } })
  const worker = stream.worker(
    'badges',
    async ({ payload, attempt }) => {
      if (payload === 1 && attempt < 3) throw new Error('again')
      if (payload === 2) throw new Error('never')
      await notifier.publish('badges', payload)
      await notifier.nudge('badges', payload)
    },
    { maxAttempts: 3, retryDelay: 0 },
  )
  const buried = new Promise<void>((resolve) => worker.on(({ kind }) => kind === 'dead' && resolve()))
  await Promise.all(Array.from({ length: 100 }, (_, n) => stream.add(n)))
  await Promise.all([badge, buried])
  expect(await deadLettersOf(stream, 'badges')).toHaveLength(1)
  const group = stream.group('badges')
  await Promise.all([group.pause(), group.resume(), group.deadLetters.requeue({}), stream.stats({ over: 0 })])
  await group.reset({ to: '-' })
  await worker.close()
  await group.reset({ to: '-', discard: true })
  await group.deadLetters.purge({})
  await createStream(space, 'activity', { retain: { entries: 1 } })
    .group('badges')
    .drop()
  for await (const entry of stream.replay({ follow: true })) if (entry) break

  expect((await penknife.health()).server?.version).toBeDefined()
  await penknife.close()
  expect(await denied()).toEqual([])
  admin.disconnect()
})
