import { Redis } from 'ioredis'
import * as v from 'valibot'
import { expectTypeOf, test } from 'vitest'
import { z } from 'zod'

import {
  type AnyNotifier,
  connect,
  createNotifier,
  createRateLimiter,
  createStream,
  type DeadLetter,
  type LimiterDecision,
  type StreamEntry,
  type StreamPage,
  type StreamGroupStats,
  type Jsonified,
  type NotifierEvent,
  type BoardRow,
} from './index.ts'
import { createLeaderboard } from './leaderboard/leaderboard.ts'

const space = connect(new Redis()).space('shop')

test('a stream carries the type of its payload to readers and workers', () => {
  const stream = createStream<{ n: number }>(space, 'a', { groups: ['g'] })
  expectTypeOf(stream.add).parameter(0).toEqualTypeOf<{ n: number }>()
  expectTypeOf(stream.read()).resolves.toEqualTypeOf<StreamPage<StreamEntry<{ n: number }>>>()
  stream.worker('g', (delivery) => {
    expectTypeOf(delivery.payload.n).toEqualTypeOf<number>()
    expectTypeOf(delivery.signal).toEqualTypeOf<AbortSignal>()
  })
  // @ts-expect-error -- another payload
  void stream.add({ n: 'one' })
})

test('workers and readers get what JSON makes of a payload', async () => {
  interface Order {
    id: number
    note?: string
    at: Date
    lines: readonly { sku: string; until: Date | null }[]
    pair: [Date, 1]
    total(): number
    tags: Map<string, string>
  }
  interface Arrived {
    id: number
    note?: string
    at: string
    lines: readonly { sku: string; until: string | null }[]
    pair: [string, 1]
    tags: never
  }
  const stream = createStream<Order>(space, 'a', { groups: ['g'] })
  expectTypeOf(stream.add).parameter(0).toEqualTypeOf<Order>()
  stream.worker('g', ({ payload }) => expectTypeOf(payload).toEqualTypeOf<Arrived>())
  stream.batchWorker('g', ([first]) => expectTypeOf(first!.payload.at).toEqualTypeOf<string>())
  expectTypeOf((await stream.read()).items[0]!.payload).toEqualTypeOf<Arrived>()
  for await (const { payload } of stream.replay()) expectTypeOf(payload.at).toEqualTypeOf<string>()
  // A schema is asked again where an entry arrives.
  const checked = createStream(space, 'b', {
    schema: z.object({ at: z.string().transform((at) => new Date(at)) }),
  })
  expectTypeOf(checked.add).parameter(0).toEqualTypeOf<{ at: string }>()
  checked.worker('g', ({ payload }) => expectTypeOf(payload.at).toEqualTypeOf<Date>())

  const notifier = createNotifier<{ message: { at: Date } }>(space, 'main')
  const page = await notifier.history('room')
  expectTypeOf(page.items[0]!.data).toEqualTypeOf<{ at: string }>()
  const board = createLeaderboard<{ joined: Date }>(space, 'a')
  expectTypeOf((await board.rank('ann'))!.data).toEqualTypeOf<{ joined: string } | null | undefined>()
})

test('JSON leaves most types as they are', () => {
  type Id = string & { readonly brand: 'id' }
  interface Tree {
    name: 'a' | 'b'
    children: Tree[]
    byId: Record<Id, number>
  }
  expectTypeOf<Jsonified<Tree>>().toExtend<Tree>()
  expectTypeOf<Tree>().toExtend<Jsonified<Tree>>()
  expectTypeOf<Jsonified<Id | undefined>>().toEqualTypeOf<Id | undefined>()
  expectTypeOf<Jsonified<unknown>>().toBeUnknown()
  expectTypeOf<Jsonified<{ kind: 'a'; n: number } | { kind: 'b' }>>().toEqualTypeOf<
    { kind: 'a'; n: number } | { kind: 'b' }
  >()
})

test('what manages a stream carries its types, too', async () => {
  const stream = createStream<{ n: number }>(space, 'a')
  for await (const entry of stream.replay({ from: new Date(), reverse: true })) {
    expectTypeOf(entry).toEqualTypeOf<StreamEntry<{ n: number }>>()
  }
  const stats = await stream.stats()
  expectTypeOf(stats.groups).toEqualTypeOf<readonly StreamGroupStats[]>()
  expectTypeOf(stats.groups[0]!.waiting).toEqualTypeOf<number>()
  const { deadLetters, reset } = stream.group('g')
  for await (const letter of deadLetters.iterate({ why: 'failed' })) {
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
  const limiter = createRateLimiter(space, 'a', { rules: [{ name: 'b', limit: 1, window: '1.5s' }] })
  expectTypeOf(limiter.take('ann')).resolves.toEqualTypeOf<LimiterDecision>()
  // @ts-expect-error -- no such unit
  createRateLimiter(space, 'a', { rules: [{ name: 'b', limit: 1, window: '1 fortnight' }] })
  // @ts-expect-error -- no such option
  createRateLimiter(space, 'a', { rules: [], windowMs: 5 })
})

test('events of a notifier are distinguished by their kind', () => {
  void createNotifier(space, 'main').subscribe(['a'], {
    onEvent(event) {
      expectTypeOf(event).toEqualTypeOf<NotifierEvent>()
      if (event.kind === 'reset') expectTypeOf(event.id).toEqualTypeOf<string>()
      else expectTypeOf(event.id).toEqualTypeOf<string | null>()
    },
  })
})

test('schemas give the types: publishers give their input, events carry their output', () => {
  const notifier = createNotifier(space, 'main', {
    schemas: {
      message: z.object({ at: z.string().transform(Number) }),
      typing: v.object({ user: v.string(), for: v.optional(v.number(), 5) }),
    },
  })
  void notifier.publish('room', { at: '7' })
  void notifier.publish('room', { user: 'ann' }, { type: 'typing' })
  void notifier.nudge('room', { user: 'ann', for: 6 }, { type: 'typing' })
  // @ts-expect-error -- the output, not the input
  void notifier.publish('room', { at: 7 })
  // @ts-expect-error -- the data of another type
  void notifier.publish('room', { at: '7' }, { type: 'typing' })
  // @ts-expect-error -- no such type
  void notifier.publish('room', { at: '7' }, { type: 'said' })
  // @ts-expect-error -- no such type
  void notifier.subscribe(['room'], { types: ['said'], onEvent: () => {} })
  void notifier.subscribe(['room'], {
    types: ['typing'],
    onEvent(event) {
      if (event.kind !== 'message') return
      if (event.type === 'message') expectTypeOf(event.data).toEqualTypeOf<{ at: number }>()
      else expectTypeOf(event.data).toEqualTypeOf<{ user: string; for: number }>()
    },
  })
  void notifier.listen(['user:*'], {
    onEvent(event) {
      if (event.kind === 'message' && event.type === 'message') {
        expectTypeOf(event.data).toEqualTypeOf<{ at: number }>()
      }
    },
  })
})

test('a notifier without a schema for messages publishes none without a type', () => {
  const notifier = createNotifier(space, 'main', { schemas: { said: z.string() } })
  void notifier.publish('room', 'hello', { type: 'said' })
  // @ts-expect-error -- it would be a message
  void notifier.publish('room', 'hello')
})

test('types of events and names of channels can be given instead', () => {
  const notifier = createNotifier<{ message: { text: string }; typing: string }, 'prices' | `room:${string}`>(
    space,
    'chat',
  )
  void notifier.publish('room:1', { text: 'hello' })
  void notifier.publish('prices', 'ann', { type: 'typing', ttl: '5s' })
  // @ts-expect-error -- no such channel
  void notifier.publish('rom:1', { text: 'hello' })
  // @ts-expect-error -- no such channel
  void notifier.subscribe(['room:1', 'price'], { onEvent: () => {} })
  // @ts-expect-error -- other data
  void notifier.publish('room:1', 5)
  // @ts-expect-error -- no such option
  createNotifier(space, 'main', { historyLength: 5 })
  // @ts-expect-error -- the types of a notifier with schemas are theirs
  createNotifier<{ message: string }>(space, 'main', { schemas: { message: z.number() } })
})

test('a function that takes any notifier takes those with types too', () => {
  expectTypeOf(createNotifier(space, 'main')).toExtend<AnyNotifier>()
  expectTypeOf(
    createNotifier<{ message: { text: string } }, 'a' | 'b'>(space, 'main'),
  ).toExtend<AnyNotifier>()
  expectTypeOf(createNotifier(space, 'main', { schemas: { said: z.date() } })).toExtend<AnyNotifier>()
})

test('a member that is not on the board is null', () => {
  expectTypeOf(createLeaderboard(space, 'a').rank('ann')).resolves.toEqualTypeOf<BoardRow | null>()
})
