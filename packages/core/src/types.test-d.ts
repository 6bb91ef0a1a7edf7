import { Redis } from 'ioredis'
import * as v from 'valibot'
import { expectTypeOf, test } from 'vitest'
import { z } from 'zod'

import {
  type AnyNotifier,
  connect,
  type CounterEffectResult,
  createCounters,
  createNotifier,
  createObjects,
  createRateLimiter,
  createStream,
  type DeadLetter,
  record,
  type LimiterDecision,
  type StreamEntry,
  type StreamPage,
  type StreamGroupStats,
  type Jsonified,
  type Notifier,
  type NotifierEvent,
  type Objects,
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
  type Json = string | number | boolean | null | Json[] | { [key: string]: Json }
  expectTypeOf<Jsonified<Json>>().toExtend<Json>()
  createStream<Json>(space, 'a').worker('g', ({ payload }) => expectTypeOf(payload).toExtend<Json>())
  expectTypeOf<Jsonified<[Date, ...Date[]]>>().toEqualTypeOf<[string, ...string[]]>()
  expectTypeOf<Jsonified<readonly Date[]>>().toEqualTypeOf<readonly string[]>()
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

test('a record and a commit carry the results of their effects, in their order', () => {
  const orders = createStream<{ sku: string }>(space, 'orders', { groups: ['billing'] })
  const points = createLeaderboard(space, 'points')
  const stock = createCounters(space, 'stock')
  const effects = [orders.adding({ sku: 'a' }), points.incrementing('ann')] as const
  const answer = record(space, { id: 'a' }, ...effects, stock.decrementing('a'))
  type Results = Extract<Awaited<typeof answer>, { ok: true }>['results']
  expectTypeOf<Results>().toEqualTypeOf<readonly [string, number, CounterEffectResult]>()
  // @ts-expect-error -- another payload
  orders.adding({ sku: 1 })
  // @ts-expect-error -- no effect
  void record(space, orders.add({ sku: 'a' }))
  orders.worker('billing', async ({ commit }) => {
    const done = await commit(points.incrementing('ann'))
    if (done.ok) expectTypeOf(done.results).toEqualTypeOf<readonly [number]>()
    else if (!done.lost) expectTypeOf(done.refused[0]!.target).toEqualTypeOf<string>()
  })
})

test('the output of a schema reaches handlers also when its input accepts anything', () => {
  const stream = createStream(space, 'a', { schema: z.object({ at: z.coerce.date() }), groups: ['g'] })
  stream.worker('g', ({ payload }) => expectTypeOf(payload).toEqualTypeOf<{ at: Date }>())
})

test('an interface may name the events of a notifier', () => {
  interface Events {
    message: { text: string }
    left: null
  }
  const notifier = createNotifier<Events>(space, 'main')
  void notifier.publish('room', { text: '' })
  void notifier.publish('room', null, { type: 'left' })
  // @ts-expect-error -- no such type
  void notifier.publish('room', null, { type: 'joined' })
  void notifier.subscribe(['room'], {
    onEvent(event) {
      if (event.kind === 'message' && event.type === 'message') expectTypeOf(event.data.text).toBeString()
    },
  })
  expectTypeOf<ReturnType<typeof createNotifier>>().toEqualTypeOf<Notifier>()
})

test('fields of objects are those of the type', () => {
  type Cart = { kind: 'open'; total?: number; note?: string } | { kind: 'paid'; cents: number & { c: 1 } }
  const carts = createObjects<Cart>(space, 'carts')
  void carts.increment('ann', 'total')
  carts.incrementing('ann', 'cents', 5)
  void carts.merge('ann', { kind: 'open', note: undefined }, { remove: ['note'] })
  // @ts-expect-error -- no such field
  void carts.increment('ann', 'totl')
  // @ts-expect-error -- no such field
  void carts.merge('ann', {}, { remove: ['notes'] })
  void createObjects(space, 'any').increment('ann', 'anything')
  void createObjects<Record<string, unknown>>(space, 'some').increment('ann', 'anything')
  const add = <Value extends { total: number }>(objects: Objects<Value>, some: Partial<Value>): void => {
    void objects.increment('ann', 'total')
    void objects.merge('ann', some, { remove: ['total'] })
  }
  expectTypeOf(add).toBeFunction()
})

test('a fence may be undefined, and then the answer may still be that of a fence', async () => {
  const fence = undefined as { key: string; token: number } | undefined
  const answer = await createCounters(space, 'stock').decrement('shirt', 1, { id: 'order-17', fence })
  if (!answer.ok && answer.reason === 'fence') expectTypeOf(answer.fence).toEqualTypeOf<number>()
})
