import { createNotifier } from '@penknife/core'
import { expect, test } from 'vitest'

import { openNotifier } from '../support/channels.ts'
import { failure, openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'

const bench = useRedis()

const cycle: Record<string, unknown> = {}
cycle['self'] = cycle

test.each([
  ['a BigInt', 1n],
  ['a cycle', cycle],
  ['undefined', undefined],
  ['a function', () => 1],
  ['more than 64 KiB', 'x'.repeat(64 * 1024)],
  ['more than 64 KiB once encoded', 'ż'.repeat(32 * 1024)],
])('publish and nudge refuse %s before anything is written', async (_, data) => {
  const notifier = await openNotifier(bench)
  for (const call of [notifier.publish('room', data), notifier.nudge('room', data)]) {
    expect(await failure(call)).toMatchObject({ code: 'PENKNIFE_INVALID', option: 'data', fate: 'not-done' })
  }
  expect(await bench.raw.dbsize()).toBe(0)
})

test('data of exactly 64 KiB is taken', async () => {
  const notifier = await openNotifier(bench)
  await notifier.publish('room', 'x'.repeat(64 * 1024 - 2))
})

test.each(['', 'a\nb', 'a\0', '{room}', 'x'.repeat(129), 7, undefined, null])(
  '%j is refused as a channel by every method',
  async (channel) => {
    const notifier = await openNotifier(bench)
    const name = channel as string
    for (const call of [
      () => notifier.publish(name, 1),
      () => notifier.nudge(name, 1),
      () => notifier.subscribe([name], { onEvent: () => {} }),
      () => notifier.subscribe(['good', name], { onEvent: () => {} }),
    ]) {
      expect(await failure(call())).toMatchObject({ code: 'PENKNIFE_INVALID', option: 'channel' })
    }
    expect(await bench.raw.dbsize()).toBe(0)
    expect(await bench.raw.call('PUBSUB', 'SHARDCHANNELS')).toEqual([])
  },
)

test.each(['', 'a b', 'a\nb', 'x'.repeat(65), 7])('%j is refused as a type', async (type) => {
  const notifier = await openNotifier(bench)
  const options = { type: type as string }
  for (const call of [notifier.publish('room', 1, options), notifier.nudge('room', 1, options)]) {
    expect(await failure(call)).toMatchObject({ code: 'PENKNIFE_INVALID', option: 'type' })
  }
})

test.each([
  ['', "from['room']"],
  ['+', "from['room']"],
  ['$', "from['room']"],
  ['12', "from['room']"],
  ['12-', "from['room']"],
  ['-12', "from['room']"],
  ['12-3-4', "from['room']"],
  ['12-3\n', "from['room']"],
  ['1e3-1', "from['room']"],
  ['1'.repeat(17) + '-1', "from['room']"],
  ['1-' + '1'.repeat(16), "from['room']"],
  ['x'.repeat(100_000), "from['room']"],
  [12, "from['room']"],
  [null, "from['room']"],
  [undefined, "from['room']"],
  [{}, "from['room']"],
])('%j is refused as a position', async (position, option) => {
  const notifier = await openNotifier(bench)
  const from = { room: position as string }
  const error = await failure(notifier.subscribe(['room'], { from, onEvent: () => {} }))
  expect(error).toMatchObject({ code: 'PENKNIFE_INVALID', option })
  expect(error.message.length).toBeLessThan(300)
})

test.each([
  ['no channels', [], { onEvent: () => {} }, 'channels'],
  ['channels that are text', 'room', { onEvent: () => {} }, 'channels'],
  ['more than 1,000 channels', Array(1001).fill('a'), { onEvent: () => {} }, 'channels'],
  ['no listener', ['room'], {}, 'onEvent'],
  ['a listener that is no function', ['room'], { onEvent: 5 }, 'onEvent'],
  ['from that is text', ['room'], { onEvent: () => {}, from: '12-3' }, 'from'],
  ['from that is null', ['room'], { onEvent: () => {}, from: null }, 'from'],
  ['an unknown option', ['room'], { onEvent: () => {}, form: {} }, "subscribe option 'form'"],
])('subscribe refuses %s', async (_, channels, options, option) => {
  const notifier = await openNotifier(bench)
  const call = notifier.subscribe(channels as string[], options as never)
  expect(await failure(call)).toMatchObject({ code: 'PENKNIFE_INVALID', option })
})

test.each([
  ['a name with a space', { name: 'a b' }, 'name'],
  ['a name with a colon', { name: 'a:b' }, 'name'],
  ['history of zero', { history: 0 }, 'history'],
  ['history over a million', { history: 1_000_001 }, 'history'],
  ['a ttl under a minute', { ttl: 59_999 }, 'ttl'],
  ['a ttl without a unit', { ttl: '60000' }, 'ttl'],
  ['an unknown option', { keep: 5 }, "createNotifier option 'keep'"],
])('createNotifier refuses %s', async (_, options, option) => {
  const penknife = await openReady(pattern(bench.server.url))
  expect(() => createNotifier(penknife.space('shop'), options as object)).toThrow(
    expect.objectContaining({ code: 'PENKNIFE_INVALID', option }),
  )
})
