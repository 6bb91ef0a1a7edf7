import { createNotifier, type NotifierNudge } from '@penknife/core'
import { assert, constantFrom, property, string } from 'fast-check'
import { expect, test, vi } from 'vitest'

import { matcher } from '../../packages/core/src/notifier/patterns.ts'
import { followers, record, openNotifier } from '../support/channels.ts'
import { failure, open, openReady } from '../support/connect.ts'
import { startProxy } from '../support/proxy.ts'
import { callsOf, pattern, useRedis } from '../support/redis.ts'
import { cases, until } from '../support/until.ts'

const bench = useRedis()
const NUDGES = 'pk1:{shop}:notify-nudges:main:live'

/** Listens and notes `channel data` of each nudge, and the kind of everything else. */
async function listen(patterns: readonly string[], notifier = openNotifier(bench)) {
  const events: NotifierNudge[] = []
  const listening = await (await notifier).listen(patterns, { onEvent: (event) => events.push(event) })
  const said = (): string[] =>
    events.map((event) =>
      event.kind === 'message' ? `${event.channel} ${event.data as string}` : event.kind,
    )
  return {
    ...listening,
    events,
    said,
    received: (count: number) => until(`${count} nudges`, () => events.length >= count),
  }
}

test('a listener gets each nudge whose channel matches a pattern once', async () => {
  const notifier = await openNotifier(bench)
  const users = await listen(['user:*', '*:1', 'price'])
  const all = await listen(['*'])
  const channels = ['user:1', 'user:', 'xuser:2', 'price', 'price:2', 'room:1', 'USER:1']
  await Promise.all(channels.map((channel, at) => notifier.nudge(channel, at, { type: 'changed' })))
  await all.received(7)
  await users.received(5)
  expect(all.said()).toEqual(channels.map((channel, at) => `${channel} ${at}`))
  expect(users.said()).toEqual(['user:1 0', 'user: 1', 'price 3', 'room:1 5', 'USER:1 6'])
  expect(users.events[0]).toMatchObject({
    kind: 'message',
    channel: 'user:1',
    id: null,
    type: 'changed',
    json: '0',
    data: 0,
  })
})

test('a nudge reaches subscribers of its channel and listeners, with any data', async () => {
  const notifier = await openNotifier(bench)
  const room = await record(notifier)
  const { events, received } = await listen(['room'])
  const data = ['żółw\n🐢', null, { 'a\nb': ['\n'] }, '']
  for (const each of data) await notifier.nudge('room', each)
  await room.received(4)
  await received(4)
  expect(room.data()).toEqual(data)
  expect(events.map((event) => event.kind === 'message' && event.data)).toEqual(data)
})

test('listeners get no published events', async () => {
  const notifier = await openNotifier(bench)
  const { said, received } = await listen(['*'])
  await notifier.publish('room', 'kept')
  await notifier.nudge('room', 'nudge')
  await received(1)
  expect(said()).toEqual(['room nudge'])
})

test('listeners of a notifier get nothing of others: of another name, space or database', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const other = await openReady(pattern(bench.server.url, { db: 1 }))
  const notifiers = [
    createNotifier(penknife.space('shop'), 'main'),
    createNotifier(penknife.space('shop'), 'second'),
    createNotifier(penknife.space('other'), 'main'),
    createNotifier(other.space('shop'), 'main'),
  ]
  const all = await Promise.all(notifiers.map((notifier) => listen(['*'], Promise.resolve(notifier))))
  for (const [at, notifier] of notifiers.entries()) await notifier.nudge('room', at)
  await Promise.all(all.map(({ received }) => received(1)))
  expect(all.map(({ said }) => said())).toEqual([['room 0'], ['room 1'], ['room 2'], ['room 3']])
})

test('the listeners of a process share one subscription, which ends with the last; no PSUBSCRIBE is sent', async () => {
  const notifier = openNotifier(bench)
  const [first, second] = [await listen(['a*'], notifier), await listen(['b*'], notifier)]
  expect(await followers(bench.raw, NUDGES)).toBe(1)
  expect(await callsOf(bench.raw, 'ssubscribe')).toBe(1)
  await first.close()
  await first.close()
  await (await notifier).nudge('a', 1)
  await (await notifier).nudge('b', 1)
  await second.received(1)
  expect(first.said()).toEqual([])
  await second.close()
  await until('the server forgot it', async () => (await followers(bench.raw, NUDGES)) === 0)
  const again = await listen(['b'], notifier)
  await (await notifier).nudge('b', 2)
  await again.received(1)
  expect(again.said()).toEqual(['b 2'])
  expect(await callsOf(bench.raw, 'psubscribe')).toBe(0)
})

test('a listener gets an interruption event once the connection is back', async () => {
  const notifier = await openNotifier(bench)
  const { said, received } = await listen(['*'])
  for (const round of [1, 2]) {
    await notifier.nudge('a', round)
    await received(2 * round - 1)
    await bench.raw.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await received(2 * round)
  }
  await notifier.nudge('a', 3)
  await received(5)
  expect(said()).toEqual(['a 1', 'interrupted', 'a 2', 'interrupted', 'a 3'])
})

test('a listener that throws gets its later nudges, and so do the others', async () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  const notifier = await openNotifier(bench)
  let calls = 0
  await notifier.listen(['*'], {
    onEvent() {
      calls += 1
      throw new Error('a listener fault')
    },
  })
  const { received } = await listen(['*'], Promise.resolve(notifier))
  await notifier.nudge('a', 1)
  await notifier.nudge('a', 2)
  await received(2)
  expect(calls).toBe(2)
  expect(warn).toHaveBeenCalledWith(
    expect.stringContaining('a listener fault'),
    expect.objectContaining({ code: 'PENKNIFE_CALLBACK' }),
  )
})

test('listening where Redis is away fails within the deadline, and nothing stays subscribed', async () => {
  const proxy = await startProxy(bench.server)
  const penknife = await openReady(pattern(proxy.url), { deadline: 200 })
  await proxy.leave()
  const notifier = createNotifier(penknife.space('shop'), 'main')
  const { events } = { events: [] as unknown[] }
  const call = notifier.listen(['*'], { onEvent: (event) => events.push(event) })
  expect(await failure(call)).toMatchObject({ code: 'PENKNIFE_UNAVAILABLE', fate: 'not-done' })
  await proxy.comeBack()
  await until('it can listen again', () =>
    listen(['*'], Promise.resolve(notifier)).then(
      ({ close }) => (close(), true),
      () => false,
    ),
  )
  await until('nobody listens', async () => (await followers(bench.raw, NUDGES)) === 0)
  expect(events).toEqual([])
})

test('listening after close fails', async () => {
  const penknife = open(pattern(bench.server.url))
  const notifier = createNotifier(penknife.space('shop'), 'main')
  await penknife.close()
  expect(await failure(notifier.listen(['*'], { onEvent: () => {} }))).toMatchObject({
    code: 'PENKNIFE_CLOSED',
  })
})

test('channels have no patterns: a channel name with a star is refused everywhere', async () => {
  const notifier = await openNotifier(bench)
  for (const call of [
    () => notifier.publish('user:*', 1),
    () => notifier.nudge('user:*', 1),
    () => notifier.subscribe(['good', 'user:*'], { onEvent: () => {} }),
    async () => notifier.events(['*']),
    () => notifier.positions(['*']),
    () => notifier.history('*'),
  ]) {
    const error = await failure(call())
    expect(error).toMatchObject({ code: 'PENKNIFE_INVALID', option: 'channel' })
    expect(error.message).toMatch(/listen/)
  }
  expect(await bench.raw.dbsize()).toBe(0)
})

test.each([
  ['no patterns', [], { onEvent: () => {} }, 'patterns'],
  ['a pattern that is no list', '*', { onEvent: () => {} }, 'patterns'],
  ['more than 100 patterns', Array(101).fill('*'), { onEvent: () => {} }, 'patterns'],
  ['an empty pattern', [''], { onEvent: () => {} }, 'pattern'],
  ['a pattern of more than 128 characters', ['*'.repeat(129)], { onEvent: () => {} }, 'pattern'],
  ['a pattern that is a number', [5], { onEvent: () => {} }, 'pattern'],
  ['no listener', ['*'], {}, 'onEvent'],
  ['an unknown option', ['*'], { onEvent: () => {}, types: [] }, "listen option 'types'"],
])('listen refuses %s', async (_, patterns, options, option) => {
  const notifier = await openNotifier(bench)
  const call = notifier.listen(patterns as string[], options as never)
  expect(await failure(call)).toMatchObject({ code: 'PENKNIFE_INVALID', option })
})

const TEXT = string({ unit: constantFrom('a', 'b', '.'), maxLength: 7 })
const PATTERN = string({ unit: constantFrom('a', 'b', '.', '*', '*'), maxLength: 7 })

/** Tries everything that a star may match. */
function fitsByTrying(wanted: string, text: string): boolean {
  if (wanted === '') return text === ''
  const rest = wanted.slice(1)
  if (wanted[0] !== '*') return text[0] === wanted[0] && fitsByTrying(rest, text.slice(1))
  return Array.from({ length: text.length + 1 }, (_, at) => text.slice(at)).some((end) =>
    fitsByTrying(rest, end),
  )
}

test('a star means any characters or none, and no other character is special', () => {
  for (const other of ['a?c', 'a.c', '[abc]bc', 'a\\bc', 'ABC']) expect(matcher([other])('abc')).toBe(false)
  assert(
    property(PATTERN, TEXT, (each, text) => {
      expect(matcher([each])(text)).toBe(fitsByTrying(each, text))
    }),
    cases(5000, 200_000),
  )
})

test('matching is linear in the length of the pattern times that of the name, for every pattern', () => {
  const worst = matcher(['a*'.repeat(63) + 'b', '*a'.repeat(63) + 'b*', '*'.repeat(128)])
  const text = 'a'.repeat(127)
  const started = performance.now()
  for (let round = 0; round < 10_000; round++) worst(text)
  expect((performance.now() - started) / 10_000).toBeLessThan(1)
})
