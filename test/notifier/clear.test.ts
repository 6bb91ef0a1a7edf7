import { expect, test } from 'vitest'

import { openNotifier, publishNumbers, record, ROOM } from '../support/channels.ts'
import { useRedis } from '../support/redis.ts'

const bench = useRedis()

test('clear deletes the history: followers get a reset at once, and so do clients that resume', async () => {
  const notifier = await openNotifier(bench)
  const ids = await publishNumbers(notifier, 3)
  const live = await record(notifier)
  const paused = await record(notifier, ids[0])
  await paused.received(2)
  paused.subscription.pause()
  await notifier.clear('room')
  await live.received(1)
  expect(live.data()).toEqual(['reset'])
  expect(await bench.raw.exists(ROOM)).toBe(0)
  expect((await notifier.history('room')).items).toEqual([])
  const empty = live.subscription.cursors()
  await notifier.publish('room', 3)
  await live.received(2)
  paused.subscription.resume()
  await paused.received(3)
  const resumed = await record(notifier, ids[2])
  await resumed.received(1)
  const fromReset = await record(notifier, empty['room'])
  await fromReset.received(1)
  expect([live.data(), paused.data(), resumed.data(), fromReset.data()]).toEqual([
    ['reset', 3],
    [1, 2, 'reset'],
    ['reset'],
    [3],
  ])
})

test('clear of a channel without a history changes nothing, and a wrong name is refused', async () => {
  const notifier = await openNotifier(bench)
  const { data, subscription } = await record(notifier)
  const before = subscription.cursors()
  await notifier.clear('room')
  expect(await notifier.positions(['room'])).toEqual(before)
  await notifier.publish('room', 1)
  expect(data()).toEqual([])
  await expect(notifier.clear('a*')).rejects.toThrow("give a name without '*'")
})

test('a history begins later than the one before it, also when the clock was set back', async () => {
  const notifier = await openNotifier(bench)
  await bench.raw.xadd(ROOM, '8000000000000000-1', 't', 'a', 'd', '1', 'g', 'bf5d3a')
  await notifier.clear('room')
  expect(await notifier.positions(['room'])).toEqual({ room: '8000000000000001-0' })
})
