import { createNotifier } from '@penknife/core'
import { expect, test } from 'vitest'

import { record, openNotifier, ROOM } from '../support/channels.ts'
import { failure, openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'

const bench = useRedis()

function nested(depth: number): unknown {
  let data: unknown = 0
  for (let at = 0; at < depth; at++) data = [data]
  return data
}

const cycle: Record<string, unknown> = {}
cycle['self'] = cycle

test.each([
  ['a BigInt', 1n],
  ['a cycle', cycle],
  ['nesting deeper than JSON.stringify goes', nested(100_000)],
  ['an object whose toJSON throws', { toJSON: () => JSON.parse('no JSON') as unknown }],
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

test('data of exactly 64 KiB is taken, in bytes of UTF-8', async () => {
  const notifier = await openNotifier(bench)
  const { data, received } = await record(notifier)
  const largest = ['x'.repeat(64 * 1024 - 2), 'ż'.repeat(32 * 1024 - 1), '🐢'.repeat(16 * 1024 - 1) + 'xx']
  for (const each of largest) await notifier.publish('room', each)
  await received(3)
  expect(data()).toEqual(largest)
})

test('hostile data arrives unchanged', async () => {
  const notifier = await openNotifier(bench)
  const { data, received } = await record(notifier)
  const hostile = [
    JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}') as object,
    nested(1000),
    '\ud800 alone',
    '\u2028\u2029\u0000',
  ]
  for (const each of hostile) await notifier.publish('room', each)
  await received(4)
  const late = await record(notifier, '-')
  for (const [proto, ...others] of [data(), late.data()]) {
    expect(Object.keys(proto as object)).toEqual(['__proto__', 'constructor'])
    expect(Object.getPrototypeOf(proto)).toBe(Object.prototype)
    expect(JSON.stringify(others)).toBe(JSON.stringify(hostile.slice(1)))
  }
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
})

test('an event that another program wrote, nested as deep as 64 KiB allow, is read like any other', async () => {
  const notifier = await openNotifier(bench)
  const { events, received } = await record(notifier)
  await notifier.publish('room', 1)
  const [[id]] = (await bench.raw.xrange(ROOM, '-', '+')) as [[string, string[]]]
  const json = '['.repeat(32_000) + ']'.repeat(32_000)
  await bench.raw.xadd(ROOM, `${id.split('-')[0]}-2`, 't', 'message', 'd', json, 'g', 'c0ffee')
  await notifier.publish('room', 3)
  await received(3)
  expect(events.map((event) => event.kind === 'message' && event.json.length)).toEqual([1, 64_000, 1])
  expect(events[1]).toHaveProperty('data.length', 1)
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
  ['an audience without a listener', ['room'], { onEvent: () => {}, audience: {} }, 'audience'],
  [
    'an audience for several channels',
    ['a', 'b'],
    { onEvent: () => {}, audience: { onEvent: () => {} }, onAudience: () => {} },
    'audience',
  ],
  [
    'an audience without onAudience',
    ['room'],
    { onEvent: () => {}, audience: { onEvent: () => {} } },
    'onAudience',
  ],
])('subscribe refuses %s', async (_, channels, options, option) => {
  const notifier = await openNotifier(bench)
  const call = notifier.subscribe(channels as string[], options as never)
  expect(await failure(call)).toMatchObject({ code: 'PENKNIFE_INVALID', option })
})

test.each([
  ['history of zero', { history: 0 }, 'history'],
  ['history over a million', { history: 1_000_001 }, 'history'],
  ['a ttl under a minute', { ttl: 59_999 }, 'ttl'],
  ['a ttl without a unit', { ttl: '60000' }, 'ttl'],
  ['an unknown option', { keep: 5 }, "createNotifier option 'keep'"],
])('createNotifier refuses %s', async (_, options, option) => {
  const penknife = await openReady(pattern(bench.server.url))
  expect(() => createNotifier(penknife.space('shop'), 'main', options as object)).toThrow(
    expect.objectContaining({ code: 'PENKNIFE_INVALID', option }),
  )
})
