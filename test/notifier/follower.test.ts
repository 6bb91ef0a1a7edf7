import { expect, test } from 'vitest'

import { createArrivals } from '../../packages/core/src/notifier/fan-out/arrivals.ts'
import { createFanOut } from '../../packages/core/src/notifier/fan-out/fan-out.ts'
import { Follower } from '../../packages/core/src/notifier/fan-out/follower.ts'
import type { History, Source } from '../../packages/core/src/notifier/fan-out/types.ts'
import { type LiveEvent, parseLive } from '../../packages/core/src/notifier/messages.ts'
import { toSection } from '../../packages/core/src/notifier/pages.ts'
import type { Reply } from '../../packages/core/src/redis/script.ts'
import { createKeys } from '../../packages/core/src/redis/keys.ts'
import type { Listener } from '../../packages/core/src/redis/subscriber.ts'
import type { NotifierEvent } from '@penknife/core'
import { numbers } from '../support/channels.ts'
import { nextTurn, until } from '../support/until.ts'

// What Redis and the network would have to do at just the wrong moment, a follower experiences here.

/** A channel of whose history only the reading matters. */
function sourceOf(
  since: (position: string, count: number, cancelled: () => boolean) => Promise<Reply[]>,
): Source & { interrupted: boolean } {
  const history: History = {
    since: async (...asked) => toSection('room', await since(...asked)),
    top: () => Promise.reject(new Error('nobody asks')),
    end: () => Promise.reject(new Error('nobody asks')),
  }
  return { channel: 'room', history, interrupted: false }
}

const id = (offset: number): string => (offset === 0 ? '7-0' : `7-${offset}-aaaaaa`)

const live = (at: number): LiveEvent => parseLive('room', `${id(at)}\nm\n0`)!

const kept = (at: number): [string, string, string, string] => [id(at), '', 'm', '0']

test('a follower that fell behind by more than it buffers goes live while events keep coming', async () => {
  let top = 0
  let reads = 0
  const delivered: NotifierEvent[] = []
  const follower = new Follower(sourceOf(read), {
    from: id(0),
    deliver: (event) => delivered.push(event),
  })
  function publish(count: number): void {
    for (const end = top + count; top < end;) follower.push([live(++top)])
  }
  async function read(position: string, count: number): Promise<[string, string, ...string[][]]> {
    reads += 1
    const from = Number(position.split('-')[1])
    const reply = numbers(Math.min(count, top - from), from + 1).map(kept)
    const end = id(top)
    // During the first read more events arrive than the buffer takes, then one during each read.
    publish(reads === 1 ? 2500 : 1)
    await nextTurn()
    return ['ok', end, ...reply]
  }
  await follower.begin()
  await until('it is live', () => follower.state === 'live')
  publish(3)
  expect(follower.state).toBe('live')
  expect(delivered.map((event) => event.id)).toEqual(numbers(top, 1).map(id))
  expect(reads).toBeLessThan(30)
})

test('a catch-up that is requested during another one reads again', async () => {
  let top = 1
  const go: (() => void)[] = []
  const delivered: (string | null)[] = []
  const follower = new Follower(
    sourceOf(async (position) => {
      const from = Number(position.split('-')[1])
      const end = top
      await new Promise<void>((resolve) => go.push(resolve))
      return ['ok', id(end), ...numbers(end - from, from + 1).map(kept)]
    }),
    {
      from: id(0),
      deliver: (event) => delivered.push(event.id),
    },
  )
  const begun = follower.begin()
  await until('it reads', () => go.length === 1)
  // Stored, but not sent.
  top = 2
  follower.keepUp()
  go[0]!()
  await begun
  await until('it reads again', () => go.length === 2)
  go[1]!()
  await until('it is live', () => follower.state === 'live')
  expect(delivered).toEqual([id(1), id(2)])
})

test('a follower whose reading failed tries again, and delivers the live events of the meantime in order', async () => {
  let fails = 2
  const delivered: (string | null)[] = []
  const follower = new Follower(
    sourceOf(async (position) => {
      if (fails-- > 0) throw new Error('away')
      const from = Number(position.split('-')[1])
      return ['ok', id(3), ...numbers(3 - from, from + 1).map(kept)]
    }),
    {
      from: id(0),
      deliver: (event) => delivered.push(event.id),
    },
  )
  follower.keepUp()
  follower.push([live(3)])
  follower.push([live(4)])
  await until('it is live', () => follower.state === 'live')
  follower.push([live(5)])
  expect(delivered).toEqual(numbers(5, 1).map(id))
})

test('a client that left its group during an interruption delivers no message before the channel is followed again', async () => {
  let listener!: Listener
  /** The server before the failover has the event 7-1-aaaaaa at the end; the next one has others at 1 and 2. */
  let failedOver = false
  const reads: string[] = []
  const { history } = sourceOf(async (position) => {
    reads.push(position)
    return failedOver ? ['lost', '7-2-bbbbbb'] : ['ok', '7-1-aaaaaa']
  })
  const { route } = createKeys('shop', { keyPrefix: '', db: 0 })
  const arrivals = createArrivals()
  const fanOut = createFanOut({
    channel: 'room',
    live: 'live',
    route,
    subscriber: {
      follow(_route, _channel, following) {
        listener = following
        return () => {}
      },
      tell() {},
      close() {},
    },
    history,
    extend: async () => 0,
    extendMs: 1000,
    arrivals,
    unreadable: () => {},
  })
  const delivered: string[] = []
  const { follower, ready } = fanOut.join({
    from: '7-1-aaaaaa',
    deliver: (event) => delivered.push(`${event.kind} ${event.id}`),
    audience: { onEvent: (event) => delivered.push(`audience: ${event.kind} ${event.id}`) },
  })
  listener.followed()
  await ready
  await until('it is in its group', () => follower.state === 'in group')
  listener.interrupted?.()
  follower.pause()
  follower.resume()
  await until('it read the history', () => reads.length >= 2)
  await nextTurn()
  failedOver = true
  // It would seem to be the next one.
  listener.message('7-2-bbbbbb\nm\n0')
  arrivals.deliverAll()
  expect([follower.state, delivered]).toEqual(['reading history', []])
  listener.followed()
  await until('it is in a group again', () => follower.state === 'in group')
  expect(delivered).toEqual(['reset 7-2-bbbbbb'])
  fanOut.leave(follower)
})
