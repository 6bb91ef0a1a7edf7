import {
  createLeaderboard,
  createNotifier,
  createRateLimiter,
  createStream,
  type NotifierEvent,
  type Penknife,
} from '@penknife/core'
import type { Redis } from 'ioredis'
import { expect, test } from 'vitest'

import { BoardModel } from '../leaderboard/model/board.ts'
import { failure, openReady } from '../support/connect.ts'
import { deadLettersOf } from '../support/orders.ts'
import { clusterPattern, useCluster } from '../support/redis.ts'
import { masterOf, spacesOnAll } from '../support/spaces.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

const bench = useCluster()

const numbers = (count: number): number[] => Array.from({ length: count }, (_, at) => at)
const rising = (a: number, b: number): number => a - b

function openCluster(): Promise<Penknife> {
  return openReady(clusterPattern(bench.cluster))
}

async function keysOf(raw: Redis): Promise<string[]> {
  return await raw.keys('*')
}

test('a rate limiter never admits more than its limit, and its subjects are spread over all masters', async () => {
  const penknives = await Promise.all([openCluster(), openCluster()])
  const limiters = penknives.map((penknife) =>
    createRateLimiter(penknife.space('shop'), 'api', {
      rules: [
        { name: 'burst', limit: 5, window: '1h' },
        { name: 'daily', limit: 50, window: '1d' },
      ],
      whenUnavailable: 'throw',
      deadline: '5s',
    }),
  )
  const subjects = numbers(60).map((at) => `subject-${at}`)
  const decisions = await Promise.all(
    subjects.flatMap((subject) =>
      numbers(8).map(async (at) => ({ subject, ...(await limiters[at % 2]!.take(subject)) })),
    ),
  )
  for (const subject of subjects) {
    expect(decisions.filter((each) => each.subject === subject && each.allowed)).toHaveLength(5)
  }
  for (const raw of bench.raws) expect((await keysOf(raw)).length).toBeGreaterThan(0)
})

test('streams of spaces on every master: each group handles each entry once, reading from the right master', async () => {
  const penknife = await openCluster()
  const spaces = spacesOnAll(penknife, 2)
  const each = spaces.map((space) => {
    const stream = createStream<number>(space, 'orders', {
      groups: ['billing', 'mail'],
      retain: { entries: 1000 },
    })
    const workers = (['own', 'shared'] as const).map((connection, at) => {
      const handled: number[] = []
      const handler = ({ payload }: { payload: number }): unknown => handled.push(payload)
      return { handled, ...startWorker(stream, ['billing', 'mail'][at] as string, handler, { connection }) }
    })
    // It shares the connections of the other, which handles all.
    void startWorker(stream, 'mail', () => {}, { connection: 'shared' }).worker.pause()
    return { stream, workers }
  })
  await Promise.all(each.flatMap(({ stream }) => numbers(100).map((at) => stream.add(at))))
  for (const { workers, stream } of each) {
    for (const { saw, handled } of workers) {
      await saw('done', 100)
      expect(handled.toSorted(rising)).toEqual(numbers(100))
    }
    expect((await stream.read({ reverse: true, limit: 1 })).items.map(({ payload }) => payload)).toEqual([99])
  }
  // Two spaces on each master: a worker with a reader of its own, and two that share one.
  for (const raw of bench.raws) {
    await until('four readers wait', async () => {
      const clients = String(await raw.client('LIST')).split('\n')
      const waiting = (command: string): number =>
        clients.filter((line) => new RegExp(`flags=\\S*b.*cmd=${command} `).test(line)).length
      return waiting('xreadgroup') === 2 && waiting('xread') === 2
    })
  }
})

test('on a cluster, too, an abandoned entry is taken over, and one that fails becomes a dead letter', async () => {
  const penknife = await openCluster()
  for (const space of spacesOnAll(penknife)) {
    const stream = createStream<number>(space, 'orders')
    const id = await stream.add(0)
    const raw = bench.raws[masterOf(space.runtime.keys.route.slot)]!
    const key = space.runtime.keys.stream('orders')
    await raw.xgroup('CREATE', key, 'billing', '0')
    await raw.xreadgroup('GROUP', 'billing', 'crashed', 'COUNT', 1, 'STREAMS', key, '>')
    await raw.xclaim(key, 'billing', 'crashed', 0, id, 'IDLE', 60_000, 'JUSTID')
    const { saw } = startWorker(stream, 'billing', () => Promise.reject(new Error('no')), { maxAttempts: 2 })
    await saw('recovered')
    await saw('dead')
    expect(await deadLettersOf(stream, 'billing')).toMatchObject([
      { id, json: '0', attempts: 2, reason: 'no' },
    ])
  }
})

test('on a cluster, too, streams are replayed, and their groups counted, paused, reset and dropped', async () => {
  const penknife = await openCluster()
  await Promise.all(
    spacesOnAll(penknife).map(async (space) => {
      const stream = createStream<number>(space, 'orders', { retain: { entries: 1000 } })
      const stop = new AbortController()
      const followed: number[] = []
      const following = (async () => {
        for await (const { payload } of stream.replay({ follow: true, signal: stop.signal }))
          followed.push(payload)
      })().catch(() => {})
      await Promise.all(numbers(20).map((at) => stream.add(at)))
      await until('the follower has them', () => followed.length === 20)
      await Promise.all(numbers(20).map((at) => stream.add(at + 20)))
      await until('it goes on', () => followed.length === 40)
      stop.abort()
      await following

      const group = stream.group('billing')
      let well = false
      const { worker, saw } = startWorker(
        stream,
        'billing',
        () => {
          if (!well) throw new Error('not well')
        },
        { maxAttempts: 1, lease: 1000 },
      )
      await saw('dead', 40)
      expect((await stream.stats({ over: 0 })).groups).toMatchObject([
        { name: 'billing', dead: 40, waiting: 0 },
      ])
      well = true
      expect(await group.deadLetters.requeue({})).toBe(40)
      await saw('done', 40)
      await group.pause()
      await saw('paused')
      expect(await group.reset({ to: '-' })).toEqual({ waiting: 40, exact: true, running: 0, delayed: 0 })
      await group.resume()
      await saw('done', 80)
      expect(await failure(group.drop())).toMatchObject({ code: 'PENKNIFE_IN_USE' })
      await worker.close()
      expect(await group.drop()).toBe(true)
    }),
  )
})

test('leaderboards of spaces on every master agree with a plain model', async () => {
  const penknife = await openCluster()
  const boards = spacesOnAll(penknife, 2).map((space) => ({
    board: createLeaderboard(space, 'points'),
    model: new BoardModel({}),
  }))
  await Promise.all(
    boards.flatMap(({ board, model }, nth) =>
      numbers(200).map((at) => {
        model.update([{ member: `m${at % 17}`, increment: (at * (nth + 3)) % 7 }])
        return board.increment(`m${at % 17}`, (at * (nth + 3)) % 7)
      }),
    ),
  )
  for (const { board, model } of boards) {
    expect(await board.top(100)).toEqual(model.ranking().rows())
    expect(await board.rank('m3')).toEqual(model.ranking().find('m3'))
    expect(await board.around('m3', 2)).toEqual(model.ranking().around('m3', 2))
  }
})

test('notifiers of spaces on every master: history and live events once and in order, by one connection a master', async () => {
  const [publisher, subscriber] = await Promise.all([openCluster(), openCluster()])
  const spaces = spacesOnAll(subscriber, 2)
  const each = await Promise.all(
    spaces.map(async (space) => {
      const out = createNotifier(publisher.space(space.name), 'main')
      await Promise.all(numbers(50).map((at) => out.publish('room', at)))
      const events: NotifierEvent[] = []
      const subscription = await createNotifier(space, 'main').subscribe(['room'], {
        from: { room: '-' },
        onEvent: (event) => events.push(event),
      })
      return { out, events, subscription, live: space.runtime.keys.live('main', 'room') }
    }),
  )
  await Promise.all(each.flatMap(({ out }) => numbers(50).map((at) => out.publish('room', 50 + at))))
  for (const { events, out } of each) {
    await until('all came', () => events.length === 100)
    expect(events.map((event) => event.kind === 'message' && event.data)).toEqual(numbers(100))
    await out.nudge('room', 'nudge')
    await until('the nudge came', () => events.length === 101)
  }
  for (const raw of bench.raws) {
    const clients = String(await raw.call('CLIENT', 'LIST', 'TYPE', 'PUBSUB')).split('\n')
    const own = clients.filter((line) => line.includes('penknife-subscriber'))
    expect(own).toHaveLength(1)
    expect(own[0]).toMatch(/ ssub=2 /)
  }
  for (const { subscription } of each) void subscription.close()
  for (const raw of bench.raws) {
    await until('nobody follows', async () => String(await raw.call('PUBSUB', 'SHARDCHANNELS')) === '')
  }
})

test('a subscriber whose connections to all masters are killed resumes without gap or repetition', async () => {
  const [publisher, subscriber] = await Promise.all([openCluster(), openCluster()])
  const each = await Promise.all(
    spacesOnAll(subscriber).map(async (space) => {
      const events: NotifierEvent[] = []
      await createNotifier(space, 'main').subscribe(['room'], { onEvent: (event) => events.push(event) })
      return { out: createNotifier(publisher.space(space.name), 'main'), events }
    }),
  )
  for (let round = 0; round < 3; round++) {
    await Promise.all([
      ...each.flatMap(({ out }) => numbers(100).map((at) => out.publish('room', round * 100 + at))),
      ...bench.raws.map((raw) => raw.call('CLIENT', 'KILL', 'TYPE', 'pubsub')),
    ])
    for (const { events } of each) {
      await until('all came', () => events.length === (round + 1) * 100)
      expect(events.map((event) => event.kind === 'message' && event.data)).toEqual(
        numbers((round + 1) * 100),
      )
    }
  }
})

test('a worker whose reading connections are killed resumes', async () => {
  const penknife = await openCluster()
  for (const space of spacesOnAll(penknife)) {
    const stream = createStream<number>(space, 'orders')
    const { saw } = startWorker(stream, 'billing', () => {}, { lease: 500 })
    for (let round = 1; round <= 2; round++) {
      await stream.add(round)
      await saw('done', round)
      for (const raw of bench.raws) {
        const clients = String(await raw.client('LIST')).split('\n')
        for (const line of clients.filter((each) => each.includes('penknife-reader'))) {
          await raw.client('KILL', 'ID', Number(/id=(\d+)/.exec(line)?.[1]))
        }
      }
    }
    await stream.add(3)
    await saw('done', 3)
  }
})

test("all keys of a space are in one slot, and all keys of a rate limiter's shard", async () => {
  const penknife = await openCluster()
  for (const space of spacesOnAll(penknife, 3)) {
    const stream = createStream(space, 'orders', { groups: ['billing', 'mail'] })
    const { saw } = startWorker(stream, 'billing', () => Promise.reject(new Error('no')), { maxAttempts: 1 })
    await stream.add(1)
    await saw('dead')
    await createLeaderboard(space, 'points').increment('ann')
    await createNotifier(space, 'main').publish('room', 1)
    await createNotifier(space, 'other').publish('room:2', 1)
    const limiter = createRateLimiter(space, 'api', { rules: [{ name: 'r', limit: 5, window: '1m' }] })
    await Promise.all(numbers(50).map((at) => limiter.take(`subject ${at}`)))
  }
  const slotsOf = new Map<string, Set<number>>()
  for (const raw of bench.raws) {
    for (const key of await keysOf(raw)) {
      const tag = /\{([^{}]+)\}/.exec(key)?.[1]
      expect(tag, key).toBeDefined()
      const slots = slotsOf.get(String(tag)) ?? new Set<number>()
      slotsOf.set(String(tag), slots.add(await raw.cluster('KEYSLOT', key)))
    }
  }
  const spaces = [...slotsOf.keys()].filter((tag) => !tag.includes('/'))
  expect(spaces).toHaveLength(9)
  expect(slotsOf.size).toBeGreaterThan(100)
  for (const slots of slotsOf.values()) expect(slots.size).toBe(1)
  const used = new Set(spaces.map((tag) => masterOf([...(slotsOf.get(tag) as Set<number>)][0] as number)))
  expect(used.size).toBe(3)
})

test('close ends workers, subscriptions and every connection on every master', async () => {
  const penknife = await openCluster()
  for (const space of spacesOnAll(penknife)) {
    const { saw } = startWorker(createStream(space, 'orders'), 'billing', () => {})
    await createStream(space, 'orders').add(1)
    await saw('done')
    await createNotifier(space, 'main').subscribe(['room'], { onEvent: () => {} })
  }
  await penknife.close()
  for (const raw of bench.raws) {
    await until('its connections are gone', async () => {
      const clients = String(await raw.client('LIST')).split('\n')
      return clients.filter((line) => /name=\S*penknife/.test(line)).length === 0
    })
  }
})
