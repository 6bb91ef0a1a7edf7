import { Redis } from 'ioredis'
import { expectTypeOf, test } from 'vitest'

import {
  connect,
  createNotifier,
  createRateLimiter,
  createStream,
  type DeadLetter,
  type Decision,
  type Entry,
  type GroupStats,
  type NotifierEvent,
  type Row,
} from './index.ts'
import { createLeaderboard } from './leaderboard/leaderboard.ts'

const space = connect(new Redis()).space('shop')

test('a stream carries the type of its payload to readers and workers', () => {
  const stream = createStream<{ n: number }>(space, 'a', { groups: ['g'] })
  expectTypeOf(stream.add).parameter(0).toEqualTypeOf<{ n: number }>()
  expectTypeOf(stream.read()).resolves.toEqualTypeOf<readonly Entry<{ n: number }>[]>()
  stream.worker('g', (delivery) => {
    expectTypeOf(delivery.payload.n).toEqualTypeOf<number>()
    expectTypeOf(delivery.signal).toEqualTypeOf<AbortSignal>()
  })
  // @ts-expect-error -- another payload
  void stream.add({ n: 'one' })
})

test('what manages a stream carries its types, too', async () => {
  const stream = createStream<{ n: number }>(space, 'a')
  for await (const entry of stream.replay({ from: new Date(), reverse: true })) {
    expectTypeOf(entry).toEqualTypeOf<Entry<{ n: number }>>()
  }
  const stats = await stream.stats()
  expectTypeOf(stats.groups).toEqualTypeOf<readonly GroupStats[]>()
  expectTypeOf(stats.groups[0]!.undelivered).toEqualTypeOf<number>()
  const { deadLetters, reset } = stream.group('g')
  for await (const letter of deadLetters.list({ why: 'failed' })) {
    expectTypeOf(letter).toEqualTypeOf<DeadLetter>()
    void deadLetters.requeue(letter.position)
  }
  // @ts-expect-error -- all of them must be meant
  void deadLetters.purge()
  // @ts-expect-error -- to where?
  void reset({})
  // @ts-expect-error -- no such promise
  createStream(space, 'a', { durability: 'certain' })
})

test('durations are milliseconds or text with a unit', () => {
  const limiter = createRateLimiter(space, { name: 'a', rules: [{ name: 'b', limit: 1, window: '1.5s' }] })
  expectTypeOf(limiter.take('ann')).resolves.toEqualTypeOf<Decision>()
  // @ts-expect-error -- no such unit
  createRateLimiter(space, { name: 'a', rules: [{ name: 'b', limit: 1, window: '1 fortnight' }] })
  // @ts-expect-error -- no such option
  createRateLimiter(space, { name: 'a', rules: [], windowMs: 5 })
})

test('events of a notifier are told apart by their kind', () => {
  void createNotifier(space).subscribe(['a'], {
    onEvent(event) {
      expectTypeOf(event).toEqualTypeOf<NotifierEvent>()
      if (event.kind === 'reset') expectTypeOf(event.id).toEqualTypeOf<string>()
      else expectTypeOf(event.id).toEqualTypeOf<string | null>()
    },
  })
})

test('a member that is not on the board is null', () => {
  expectTypeOf(createLeaderboard(space, 'a').rank('ann')).resolves.toEqualTypeOf<Row | null>()
})
