import { createNotifier } from '@penknife/core'
import { expect, test } from 'vitest'

import { followers, record, numbers, openNotifier, publishNumbers, ROOM } from '../support/channels.ts'
import { openReady } from '../support/connect.ts'
import { startProxy } from '../support/proxy.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const bench = useRedis()

/** What a replica without the last writes does when it takes over: the history ends earlier. */
async function rollBack(to: string): Promise<void> {
  const kept = await bench.raw.xrange(ROOM, '-', to.replace(/-[^-]*$/, ''))
  await bench.raw.del(ROOM)
  for (const [id, fields] of kept) await bench.raw.xadd(ROOM, id, ...fields)
}

test('a cursor in the part that was lost gets a reset, also when its offset was given out again', async () => {
  const notifier = await openNotifier(bench)
  const ids = await publishNumbers(notifier, 10)
  await rollBack(ids[5]!)
  expect((await record(notifier, ids[8])).data()).toEqual(['reset'])
  await publishNumbers(notifier, 10, 100)
  for (const at of [6, 8, 9]) expect((await record(notifier, ids[at])).data()).toEqual(['reset'])
  // What was not lost is as good as ever.
  expect((await record(notifier, ids[5])).data()).toEqual(numbers(10, 100))
})

test('a subscriber that saw lost events gets a reset, then every event', async () => {
  const publisher = await openNotifier(bench)
  const proxy = await startProxy(bench.server)
  const penknife = await openReady(pattern(proxy.url))
  const { data, received } = await record(createNotifier(penknife.space('shop'), 'main'))
  const ids = await publishNumbers(publisher, 10)
  await received(10)
  await proxy.leave()
  await rollBack(ids[5]!)
  await publishNumbers(publisher, 10, 100)
  await proxy.comeBack()
  await received(11)
  await publishNumbers(publisher, 3, 200)
  await received(14)
  expect(data().slice(10)).toEqual(['reset', 200, 201, 202])
})

test('another event at a known offset shows a subscriber that history was lost', async () => {
  const notifier = await openNotifier(bench)
  const { data, received } = await record(notifier)
  const ids = await publishNumbers(notifier, 10)
  await received(10)
  await rollBack(ids[8]!)
  await publishNumbers(notifier, 1, 100)
  await received(11)
  await publishNumbers(notifier, 1, 101)
  await received(12)
  expect(data().slice(10)).toEqual(['reset', 101])
})

test('events that arrive together with the acknowledgement of a new subscription do not continue lost ones', async () => {
  const publisher = await openNotifier(bench)
  const proxy = await startProxy(bench.server)
  const penknife = await openReady(pattern(proxy.url))
  const { data, received } = await record(createNotifier(penknife.space('shop'), 'main'))
  const ids = await publishNumbers(publisher, 10)
  await received(10)
  await proxy.leave()
  await rollBack(ids[5]!)
  await publishNumbers(publisher, 4, 100)
  proxy.holdReplies('ssubscribe')
  await proxy.comeBack()
  await until('it subscribes', async () => (await followers(bench.raw)) === 1)
  // At the offset after the last delivered one.
  await publishNumbers(publisher, 1, 104)
  await until('it is on its way', () => proxy.pending.includes('\n104'))
  proxy.pass()
  await received(11)
  await publishNumbers(publisher, 1, 105)
  await received(12)
  expect(data().slice(10)).toEqual(['reset', 105])
})

test('a lost event that has its old offset again, after another event, does not hide that one', async () => {
  const notifier = await openNotifier(bench)
  const ids = await publishNumbers(notifier, 10)
  await rollBack(ids[5]!)
  await publishNumbers(notifier, 1, 100)
  const [again] = await publishNumbers(notifier, 1, 7)
  expect(again!.replace(/-\w+$/, '')).toBe(ids[7]!.replace(/-\w+$/, ''))
  expect((await record(notifier, ids[7])).data()).toEqual(['reset'])
})
