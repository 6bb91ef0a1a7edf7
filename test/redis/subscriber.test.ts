import type { Penknife } from '@penknife/core'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { openReady } from '../support/connect.ts'
import { callsOf, pattern, useRedis } from '../support/redis.ts'
import { cases, nextTurn, until } from '../support/until.ts'

const bench = useRedis()
const CHANNELS = ['a', 'b', 'c'] as const

/** One listener of one channel, and its messages. */
interface Ear {
  readonly channel: string
  readonly messages: string[]
  readonly acknowledged: () => number
  stop(): void
}

function listenTo(penknife: Penknife, channel: string): Ear {
  const { subscriber, keys } = penknife.space('shop').runtime
  const messages: string[] = []
  let times = 0
  const stop = subscriber.follow(keys.route, channel, {
    message: (text) => messages.push(text),
    followed: () => (times += 1),
  })
  return { channel, messages, stop, acknowledged: () => times }
}

/** How many connections follow each of the channels. */
async function counts(): Promise<readonly number[]> {
  const reply = (await bench.raw.call('PUBSUB', 'SHARDNUMSUB', ...CHANNELS)) as (string | number)[]
  return CHANNELS.map((_, at) => Number(reply[2 * at + 1]))
}

type Step =
  | { readonly do: 'join'; readonly channel: string }
  | { readonly do: 'leave'; readonly nth: number }
  | { readonly do: 'kill' }
  | { readonly do: 'wait'; readonly for: 'microtask' | 'turn' | 'reply' | 'acknowledged' }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('join' as const), channel: fc.constantFrom(...CHANNELS) }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('leave' as const), nth: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.constant({ do: 'kill' as const }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      for: fc.constantFrom('microtask', 'turn', 'reply', 'acknowledged' as const),
    }),
  },
)

test('after any order of joins, leaves and broken connections exactly the remaining listeners follow each channel', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  let interleavings = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }), async (steps) => {
      const ears: Ear[] = []
      const left: Ear[] = []
      for (const each of steps) {
        if (each.do === 'join') ears.push(listenTo(penknife, each.channel))
        else if (each.do === 'leave' && ears.length > 0) {
          const [ear] = ears.splice(each.nth % ears.length, 1) as [Ear]
          ear.stop()
          left.push(ear)
        } else if (each.do === 'kill') bench.raw.call('CLIENT', 'KILL', 'TYPE', 'pubsub').catch(() => {})
        else if (each.do === 'wait' && each.for === 'microtask') await Promise.resolve()
        else if (each.do === 'wait' && each.for === 'turn') await nextTurn()
        else if (each.do === 'wait' && each.for === 'reply') await bench.raw.ping()
        else if (each.do === 'wait') {
          await until('acknowledged', () => ears.every((ear) => ear.acknowledged() > 0))
        }
        interleavings += 1
      }
      const wanted = CHANNELS.map((channel) => (ears.some((ear) => ear.channel === channel) ? 1 : 0))
      await until('the server has just these', async () => (await counts()).join() === wanted.join())
      await until('each was acknowledged', () => ears.every((ear) => ear.acknowledged() > 0))
      for (const ear of [...ears, ...left]) ear.messages.length = 0
      for (const channel of CHANNELS) await bench.raw.call('SPUBLISH', channel, `to ${channel}`)
      await until('each messages', () => ears.every((ear) => ear.messages.length > 0))
      for (const ear of ears) expect(ear.messages).toEqual([`to ${ear.channel}`])
      for (const ear of left) expect(ear.messages).toEqual([])
      for (const ear of ears) ear.stop()
      await until('nobody follows', async () => (await counts()).join() === '0,0,0')
    }),
    cases(200, 3000),
  )
  expect(interleavings).toBeGreaterThan(2000)
}, 120_000)

test('a removed listener gets nothing more, although another one of its channel stays', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const [stays, leaves] = [listenTo(penknife, 'a'), listenTo(penknife, 'a')]
  await until('it is followed', () => stays.acknowledged() === 1 && leaves.acknowledged() === 1)
  leaves.stop()
  leaves.stop()
  await bench.raw.call('SPUBLISH', 'a', 'hello')
  await until('it came', () => stays.messages.length === 1)
  expect(leaves.messages).toEqual([])
  expect(await callsOf(bench.raw, 'ssubscribe')).toBe(1)
  expect(await callsOf(bench.raw, 'sunsubscribe')).toBe(0)
})

test('after an interruption each of many channels is subscribed once, and each listener is called once', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const ears = Array.from({ length: 500 }, (_, at) => listenTo(penknife, `a${at}`))
  await until('all are followed', () => ears.every((ear) => ear.acknowledged() === 1))
  for (const round of [2, 3, 4]) {
    await bench.raw.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await until('all are followed again', () => ears.every((ear) => ear.acknowledged() >= round))
  }
  expect(new Set(ears.map((ear) => ear.acknowledged()))).toEqual(new Set([4]))
  expect(await callsOf(bench.raw, 'ssubscribe')).toBe(4 * 500)
})
