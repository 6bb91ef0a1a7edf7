import { createNotifier, type NotifierEvent, type NotifierHistoryPage } from '@penknife/core'
import { expect, test } from 'vitest'

import { followers, record, numbers, openNotifier, publishNumbers, ROOM } from '../support/channels.ts'
import { failure, openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { deferred } from '../support/deferred.ts'
import { until } from '../support/until.ts'

const bench = useRedis()
/** The position before the first event of a history. */
const QUIET_LIVE = `${ROOM.replace(/room$/, 'quiet')}:live`
const BEGINNING = /^\d{16}-0$/

test('only events of the given types are delivered, and the cursor moves past the others', async () => {
  const notifier = await openNotifier(bench)
  const [first] = await publishNumbers(notifier, 1)
  const seen: NotifierEvent[] = []
  await notifier.publish('room', 'a', { type: 'said' })
  const subscription = await notifier.subscribe(['room'], {
    from: { room: first! },
    types: ['said'],
    onEvent: (event) => seen.push(event),
  })
  await notifier.publish('room', 'b', { type: 'said' })
  const last = await notifier.publish('room', 1, { type: 'typing' })
  await until('the cursor is there', () => subscription.cursors()['room'] === last)
  expect(seen.map((event) => event.kind === 'message' && event.data)).toEqual(['a', 'b'])
})

test('getState is called after the position is known: its state and the events after it leave no gap', async () => {
  const publisher = await openNotifier(bench)
  const notifier = await openNotifier(bench)
  let count = 0
  const stopping = new AbortController()
  const writer = (async () => {
    while (!stopping.signal.aborted) {
      count += 1
      await publisher.publish('counter', count)
    }
  })()
  for (let round = 0; round < 20; round++) {
    const seen: NotifierEvent[] = []
    const subscription = await notifier.subscribe(['counter'], {
      getState: async () => count,
      onEvent: (event) => seen.push(event),
    })
    await until('events came', () => seen.length > 5)
    void subscription.close()
    const [state, ...events] = seen
    if (state?.kind !== 'state') throw new Error('the first is the state')
    const reported = events.map((event) => (event.kind === 'message' ? (event.data as number) : NaN))
    // What happened between position and state is in both.
    expect(reported[0]).toBeLessThanOrEqual((state.state as number) + 1)
    expect(reported).toEqual(numbers(reported.length, reported[0]))
  }
  stopping.abort()
  await writer
})

test('with getState a lost history gives the state instead of a reset', async () => {
  const notifier = await openNotifier(bench, { history: 100 })
  const ids = await publishNumbers(notifier, 1000)
  const seen: NotifierEvent[] = []
  await notifier.subscribe(['room'], {
    from: { room: ids[3]! },
    getState: (channel) => `all of ${channel}`,
    onEvent: (event) => seen.push(event),
  })
  expect(seen).toEqual([{ kind: 'state', channel: 'room', id: ids[999], state: 'all of room' }])
})

test('a getState that never answers makes subscribe fail within the deadline, and leaves nothing subscribed', async () => {
  const penknife = await openReady(pattern(bench.server.url), { deadline: 200 })
  const seen: NotifierEvent[] = []
  const waiting = createNotifier(penknife.space('shop'), 'main').subscribe(['room'], {
    getState: () => new Promise(() => {}),
    onEvent: (event) => seen.push(event),
  })
  const error = await failure(waiting)
  expect(error).toMatchObject({ code: 'PENKNIFE_UNAVAILABLE' })
  expect(error.message).toMatch(/getState/)
  await until('nobody follows', async () => (await followers(bench.raw)) === 0)
  expect(seen).toEqual([])
})

test('a getState that fails makes subscribe fail, and leaves nothing subscribed', async () => {
  const notifier = await openNotifier(bench)
  const failing = notifier.subscribe(['room'], {
    getState: () => Promise.reject(new Error('no database')),
    onEvent: () => {},
  })
  await expect(failing).rejects.toThrow('no database')
  await until('nobody follows', async () => (await followers(bench.raw)) === 0)
})

test('a paused subscription gets nothing, and everything once it resumes', async () => {
  const notifier = await openNotifier(bench, { history: 100_000 })
  const { data, received, subscription } = await record(notifier)
  await publishNumbers(notifier, 5)
  await received(5)
  subscription.pause()
  await publishNumbers(notifier, 3000, 5)
  expect(data()).toHaveLength(5)
  subscription.resume()
  await publishNumbers(notifier, 5, 3005)
  await received(3010)
  expect(data()).toEqual(numbers(3010))
})

test('a paused subscription gets a reset when its history was trimmed meanwhile', async () => {
  const notifier = await openNotifier(bench)
  const { data, received, subscription } = await record(notifier)
  await publishNumbers(notifier, 2)
  await received(2)
  subscription.pause()
  const ids = await publishNumbers(notifier, 10, 2)
  await bench.raw.xtrim(ROOM, 'MAXLEN', 3)
  subscription.resume()
  await received(3)
  expect(subscription.cursors()).toEqual({ room: ids.at(-1) })
  await publishNumbers(notifier, 1, 12)
  await received(4)
  expect(data()).toEqual([0, 1, 'reset', 12])
})

test('pausing and resuming at any moment loses and repeats nothing', async () => {
  const publisher = await openNotifier(bench, { history: 100_000 })
  const notifier = await openNotifier(bench)
  const { data, received, subscription } = await record(notifier)
  for (let round = 0; round < 60; round++) {
    const publishing = publishNumbers(publisher, 50, round * 50)
    subscription.pause()
    if (round % 3 === 0) await publishing
    subscription.resume()
    if (round % 2 === 0) subscription.pause()
    await publishing
    subscription.resume()
  }
  await received(3000)
  expect(data()).toEqual(numbers(3000))
})

test('a subscriber that pauses itself within a page continues after that event', async () => {
  const notifier = await openNotifier(bench)
  await publishNumbers(notifier, 500)
  const seen: unknown[] = []
  await notifier.subscribe(['room'], {
    from: { room: '-' },
    onEvent(event, subscription) {
      seen.push(event.kind === 'message' && event.data)
      if (seen.length % 70 !== 0) return
      subscription.pause()
      setImmediate(() => subscription.resume())
    },
  })
  await until('all came', () => seen.length >= 500)
  expect(seen).toEqual(numbers(500))
})

test('an iterator gives every event once and in order, and keeps a bounded number in memory', async () => {
  const notifier = await openNotifier(bench, { history: 100_000 })
  const events = notifier.events(['room'], { from: { room: '-' } })
  await publishNumbers(notifier, 2000)
  const seen: unknown[] = []
  for await (const event of events) {
    seen.push(event.kind === 'message' && event.data)
    if (seen.length === 1000) await publishNumbers(notifier, 500, 2000)
    if (seen.length === 2500) break
  }
  expect(seen).toEqual(numbers(2500))
  await until('nobody follows', async () => (await followers(bench.raw)) === 0)
})

test('an iterator’s cursors are those of the events taken from it, so that another can continue', async () => {
  const notifier = await openNotifier(bench)
  await publishNumbers(notifier, 300)
  const seen: unknown[] = []
  let from: Readonly<Record<string, string>> = { room: '-' }
  while (seen.length < 300) {
    const events = notifier.events(['room'], { from })
    let taken = 0
    for await (const event of events) {
      seen.push(event.kind === 'message' && event.data)
      taken += 1
      if (taken === 7 || seen.length === 300) break
    }
    from = events.cursors()
  }
  expect(seen).toEqual(numbers(300))
})

test('an iterator that ends before all its channels are followed has the cursors of the events taken from it', async () => {
  const notifier = await openNotifier(bench)
  const ids = await publishNumbers(notifier, 30)
  const events = notifier.events(['room', 'other'], {
    from: { room: '-' },
    getState: () => new Promise(() => {}),
  })
  let taken = 0
  for await (const event of events) {
    expect(event).toMatchObject({ id: ids[taken] })
    taken += 1
    if (taken === 7) break
  }
  expect(events.cursors()).toMatchObject({ room: ids[6] })
})

test('an iterator that has ended has the positions of its quiet channels too', async () => {
  const notifier = await openNotifier(bench)
  const [first] = await publishNumbers(notifier, 1)
  const quiet = await notifier.publish('quiet', 1)
  const events = notifier.events(['room', 'quiet'], { from: { room: '-', quiet } })
  for await (const { id } of events) {
    expect(id).toBe(first)
    await until('both are followed', async () => (await followers(bench.raw, QUIET_LIVE)) === 1)
    break
  }
  expect(events.cursors()).toEqual({ room: first, quiet })
})

test('an iterator that waits ends by its signal with the reason, and by return', async () => {
  const notifier = await openNotifier(bench)
  const stopping = new AbortController()
  const waiting = notifier.events(['room'], { signal: stopping.signal }).next()
  await until('it follows', async () => (await followers(bench.raw)) === 1)
  stopping.abort(new Error('enough'))
  await expect(waiting).rejects.toThrow('enough')
  const events = notifier.events(['room'])
  const next = events.next()
  await until('it follows', async () => (await followers(bench.raw)) === 1)
  await events.return!()
  expect(await next).toEqual({ done: true, value: undefined })
  await until('nobody follows', async () => (await followers(bench.raw)) === 0)
})

test('a history is read page by page, and a page says when earlier events are lost', async () => {
  const notifier = await openNotifier(bench, { history: 100 })
  const ids = await publishNumbers(notifier, 1000)
  const seen: unknown[] = []
  for (let after: string | undefined = '-'; after !== undefined;) {
    const page: NotifierHistoryPage = await notifier.history('room', { after, limit: 30 })
    seen.push(...page.items.map(({ data }) => data))
    expect(page.lost).toBe(false)
    after = page.next
  }
  expect(seen).toEqual(numbers(seen.length, 1000 - seen.length))
  expect(await notifier.history('room', { after: ids[3]! })).toEqual({
    items: [],
    next: undefined,
    position: ids[999],
    lost: true,
  })
  const empty = await notifier.history('empty')
  expect(empty).toEqual({
    items: [],
    next: undefined,
    position: expect.stringMatching(BEGINNING),
    lost: false,
  })
  await notifier.publish('empty', 1)
  expect((await notifier.history('empty', { after: empty.position })).items).toHaveLength(1)
  expect(await bench.raw.exists(ROOM)).toBe(1)
})

test('events follow from the positions that were read before a state was loaded', async () => {
  const notifier = await openNotifier(bench)
  await publishNumbers(notifier, 3)
  const from = await notifier.positions(['room', 'empty'])
  expect(from['empty']).toMatch(BEGINNING)
  await publishNumbers(notifier, 3, 3)
  const loaded = deferred()
  const seen: unknown[] = []
  await notifier.subscribe(['room', 'empty'], {
    from,
    onEvent(event) {
      seen.push(event.kind === 'message' && event.data)
      if (seen.length === 4) loaded.resolve()
    },
  })
  await notifier.publish('empty', 'first')
  await loaded.promise
  expect(seen).toEqual([3, 4, 5, 'first'])
})
