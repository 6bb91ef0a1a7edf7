import { subscribe, unsubscribe } from 'node:diagnostics_channel'

import { expect, onTestFinished, test } from 'vitest'

import { record, numbers, openNotifier, publishNumbers, ROOM } from '../support/channels.ts'
import { useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { warningsOf } from '../support/warnings.ts'

/** Two versions of an application run side by side during a deploy. */
const bench = useRedis()
const warnings = warningsOf('PENKNIFE_REDECLARED')

const DECLARATION = 'pk1:{shop}:notify-declaration:main'
const OLD = { history: 1000, ttl: '1d' } as const
const NEW = { history: 10, ttl: '2d', age: '1h' } as const

const isDeclared = (as: RegExp): Promise<void> =>
  until('it is declared', async () => as.test((await bench.raw.get(DECLARATION)) ?? ''))

test('a deploy may change the options of a history: events continue, and the newer process reports it once', async () => {
  const before = warnings.length
  const older = await openNotifier(bench, OLD)
  const { received, data } = await record(older)
  await publishNumbers(older, 5)
  await isDeclared(/history 1000/)
  const newer = await openNotifier(bench, NEW)
  await publishNumbers(newer, 5, 5)
  await isDeclared(/history 10,/)
  await publishNumbers(older, 5, 10)
  await publishNumbers(newer, 5, 15)
  await received(20)
  expect(data()).toEqual(numbers(20))
  expect(warnings.slice(before)).toEqual([
    "notifier 'main' of space 'shop' was declared with 'history 1000, ttl 86400000 ms, age none, dedup window 300000 ms' " +
      "and now with 'history 10, ttl 172800000 ms, age 3600000 ms, dedup window 300000 ms': each process uses its own",
  ])
  expect(await bench.raw.pttl(ROOM)).toBeGreaterThan(86_400_000)
  expect(await bench.raw.pttl(DECLARATION)).toBeGreaterThan(0)
})

test('the same declaration again is not reported; another one is an event for listeners, instead of a warning', async () => {
  const before = warnings.length
  const events: unknown[] = []
  const listener = (event: unknown): unknown => events.push(event)
  await publishNumbers(await openNotifier(bench, OLD), 1)
  await isDeclared(/history 1000/)
  await publishNumbers(await openNotifier(bench, OLD), 1)
  subscribe('penknife:notifier', listener)
  onTestFinished(() => void unsubscribe('penknife:notifier', listener))
  const newer = await openNotifier(bench, NEW)
  onTestFinished(newer.on(listener))
  // Following declares it as well.
  await record(newer)
  await until('both got the event', () => events.length === 2)
  expect(events[1]).toEqual(events[0])
  expect(events[0]).toEqual({
    kind: 'redeclared',
    space: 'shop',
    name: 'main',
    before: expect.stringContaining('history 1000'),
    now: expect.stringContaining('history 10,'),
  })
  expect(warnings.slice(before)).toEqual([])
})

test('foreign data at the key of the declaration prevents no publish', async () => {
  const notifier = await openNotifier(bench, OLD)
  await bench.raw.lpush(DECLARATION, 'a list')
  const { received } = await record(notifier)
  await publishNumbers(notifier, 2)
  await received(2)
})

test('text that another program sends to a channel is an event, and one warning without a listener', async () => {
  const unreadable = warningsOf('PENKNIFE_UNREADABLE_MESSAGE')
  const notifier = await openNotifier(bench)
  const { received, data } = await record(notifier)
  const live = `${ROOM}:live`
  await bench.raw.spublish(live, 'junk')
  await bench.raw.spublish(live, 'more junk')
  await publishNumbers(notifier, 1)
  await received(1)
  expect(data()).toEqual([0])
  expect(unreadable).toEqual([
    `notifier 'main' of space 'shop': the pub/sub channel ${live} contains text that penknife did not write, ` +
      "which is ignored: 'junk'. Find out which program writes to it. Further ones are not reported",
  ])
  const notices: unknown[] = []
  onTestFinished(notifier.on((notice) => notices.push(notice)))
  await bench.raw.spublish(live, 'junk')
  await until('the event', () => notices.length === 1)
  expect(notices).toEqual([
    { kind: 'unreadable', space: 'shop', name: 'main', where: `the pub/sub channel ${live}`, text: 'junk' },
  ])
})
