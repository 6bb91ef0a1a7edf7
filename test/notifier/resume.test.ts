import { expect, test } from 'vitest'

import { record, numbers, openNotifier, publishNumbers, ROOM, ROOM_LIVE } from '../support/channels.ts'
import { useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const bench = useRedis()

test('a subscriber resumes after the given id', async () => {
  const notifier = await openNotifier(bench)
  const ids = await publishNumbers(notifier, 1000)
  for (const at of [0, 1, 199, 200, 201, 500, 998]) {
    const { data, received: reported } = await record(notifier, ids[at])
    await reported(999 - at)
    expect(data()).toEqual(numbers(999 - at, at + 1))
  }
  const { data, received } = await record(notifier, ids[999])
  expect(data()).toEqual([])
  await publishNumbers(notifier, 1, 1000)
  await received(1)
  expect(data()).toEqual([1000])
})

test("'-' begins with the oldest event, without a reset", async () => {
  const notifier = await openNotifier(bench, { history: 100 })
  await publishNumbers(notifier, 1000)
  const kept = await bench.raw.xlen(ROOM)
  expect(kept).toBeLessThan(300)
  const { data, received } = await record(notifier, '-')
  await received(kept)
  expect(data()).toEqual(numbers(kept, 1000 - kept))
})

test("'-' of a channel without history begins with its first event", async () => {
  const notifier = await openNotifier(bench)
  const { data, received } = await record(notifier, '-')
  await publishNumbers(notifier, 3)
  await received(3)
  expect(data()).toEqual([0, 1, 2])
})

test('the cursor of a channel without history resumes at its first event', async () => {
  const notifier = await openNotifier(bench)
  const { subscription } = await record(notifier)
  const { room } = subscription.cursors()
  expect(room).toMatch(/^\d{16}-0$/)
  await subscription.close()
  await publishNumbers(notifier, 3)
  const late = await record(notifier, room)
  expect(late.data()).toEqual([0, 1, 2])
  // Between the two a whole epoch of events may have been published and trimmed.
  await bench.raw.xtrim(ROOM, 'MAXLEN', 1)
  expect((await record(notifier, room)).data()).toEqual(['reset'])
})

test('history and live events join without a gap or a repetition during publishing', async () => {
  const publisher = await openNotifier(bench, { history: 100_000 })
  const notifier = await openNotifier(bench)
  const ids = await publishNumbers(publisher, 500)
  let next = 500
  const stopping = new AbortController()
  const writer = (async () => {
    while (!stopping.signal.aborted && next < 20_000) {
      await publishNumbers(publisher, 20, next)
      next += 20
    }
  })()
  const late = await Promise.all(numbers(15).map((at) => record(notifier, ids[at * 30])))
  stopping.abort()
  await writer
  await until('all came', () => late.every(({ events }, at) => events.length >= next - at * 30 - 1))
  for (const [at, { data }] of late.entries())
    expect(data()).toEqual(numbers(next - at * 30 - 1, at * 30 + 1))
})

test('a subscription that closes and resumes again and again gets everything once', async () => {
  const publisher = await openNotifier(bench, { history: 100_000 })
  const notifier = await openNotifier(bench)
  const [start] = await publishNumbers(publisher, 1)
  let next = 1
  const stopping = new AbortController()
  const writer = (async () => {
    while (!stopping.signal.aborted) {
      await publishNumbers(publisher, 5, next)
      next += 5
    }
  })()
  const seen: unknown[] = []
  let cursor = start!
  for (let round = 0; round < 30; round++) {
    const received = await record(notifier, cursor)
    await received.received(round % 7)
    cursor = received.subscription.cursors()['room']!
    void received.subscription.close()
    seen.push(...received.data())
  }
  stopping.abort()
  await writer
  seen.push(...(await record(notifier, cursor)).data())
  expect(seen).toEqual(numbers(next - 1, 1))
})

test.each([
  ['was trimmed from the history', (ids: string[]) => ids[10]!],
  ['is of a foreign epoch', (ids: string[]) => ids[10]!.replace(/^\d+/, '1000')],
  ['is of a later epoch', (ids: string[]) => ids[10]!.replace(/^\d+/, '9999999999999')],
  ['names another event than the one that is there', (ids: string[]) => ids[990]!.replace(/.{6}$/, '000000')],
  ['lies beyond the end', (ids: string[]) => ids[0]!.replace(/-\d+-/, '-100000-')],
  ['is before the first event, which was trimmed', (ids: string[]) => ids[0]!.replace(/-.*/, '-0')],
  ['is of no history at all', () => '0-0'],
])('a position that %s gets exactly one reset, then live events', async (_, position) => {
  const notifier = await openNotifier(bench, { history: 100 })
  const ids = await publishNumbers(notifier, 1000)
  const { data, events, received, subscription } = await record(notifier, position(ids))
  expect(events).toEqual([{ kind: 'reset', channel: 'room', id: ids[999] }])
  expect(subscription.cursors()).toEqual({ room: ids[999] })
  await publishNumbers(notifier, 3, 1000)
  await received(4)
  expect(data()).toEqual(['reset', 1000, 1001, 1002])
})

test('a position in a history that was deleted gets exactly one reset, then live events from the first on', async () => {
  const notifier = await openNotifier(bench)
  const ids = await publishNumbers(notifier, 10)
  await bench.raw.del(ROOM)
  const { data, events, received } = await record(notifier, ids[3])
  expect(events).toEqual([{ kind: 'reset', channel: 'room', id: expect.stringMatching(/^\d{16}-0$/) }])
  await publishNumbers(notifier, 3, 10)
  await received(4)
  expect(data()).toEqual(['reset', 10, 11, 12])
})

test('a current subscriber whose history was deleted gets a reset at the next event, then live events', async () => {
  const notifier = await openNotifier(bench)
  const { data, events, received, subscription } = await record(notifier)
  await publishNumbers(notifier, 3)
  await received(3)
  await bench.raw.del(ROOM)
  const id = await notifier.publish('room', 'first of the new history')
  await received(4)
  expect(events[3]).toEqual({ kind: 'reset', channel: 'room', id })
  expect(subscription.cursors()).toEqual({ room: id })
  await publishNumbers(notifier, 2, 10)
  await received(6)
  expect(data()).toEqual([0, 1, 2, 'reset', 10, 11])
})

test('a live message that skips some makes the subscriber read the skipped ones', async () => {
  const notifier = await openNotifier(bench)
  const { data, received } = await record(notifier)
  const [id] = await publishNumbers(notifier, 1)
  await received(1)
  const [epoch, offset] = id!.split('-') as [string, string]
  const after = (steps: number): string => `${epoch}-${Number(offset) + steps}`
  // Stored, but not sent, as if the messages were lost.
  for (const at of [1, 2, 3])
    await bench.raw.xadd(ROOM, after(at), 't', 'message', 'd', `${at}`, 'g', `c0ffe${at}`)
  await bench.raw.call('SPUBLISH', ROOM_LIVE, `${after(3)}-c0ffe3\nmessage\n3`)
  await received(4)
  expect(data()).toEqual([0, 1, 2, 3])
  await publishNumbers(notifier, 1, 4)
  await received(5)
  expect(data()).toEqual([0, 1, 2, 3, 4])
})

test('the first live message of a channel makes the subscriber read those before it', async () => {
  const notifier = await openNotifier(bench)
  const { data, received } = await record(notifier)
  const other = await openNotifier(bench)
  await publishNumbers(other, 1)
  await received(1)
  // A second channel, at which the messages before the third were lost on the way.
  const quiet = await record(notifier, undefined, 'quiet')
  const key = ROOM.replace('room', 'quiet')
  const [epoch] = quiet.subscription.cursors()['quiet']!.split('-')
  const id = (at: number): string => `${epoch}-${1 + at}`
  for (const at of [0, 1, 2])
    await bench.raw.xadd(key, id(at), 't', 'message', 'd', `${at}`, 'g', `c0ffe${at}`)
  await bench.raw.call('SPUBLISH', `${key}:live`, `${id(2)}-c0ffe2\nmessage\n2`)
  await quiet.received(3)
  expect(quiet.data()).toEqual([0, 1, 2])
  expect(data()).toEqual([0])
})

test('a live message that was delivered before is not delivered again', async () => {
  const notifier = await openNotifier(bench)
  const { data, received } = await record(notifier)
  const ids = await publishNumbers(notifier, 3)
  await received(3)
  for (const id of ids) await bench.raw.call('SPUBLISH', ROOM_LIVE, `${id}\nmessage\n"again"`)
  await publishNumbers(notifier, 1, 3)
  await received(4)
  expect(data()).toEqual([0, 1, 2, 3])
})

test('hundreds of subscribers that resume at one position share a few reads', async () => {
  const notifier = await openNotifier(bench, { history: 10_000 })
  const ids = await publishNumbers(notifier, 500)
  const calls = async (): Promise<number> =>
    Number(/cmdstat_evalsha:calls=(\d+)/.exec(await bench.raw.info('commandstats'))?.[1] ?? 0)
  const before = await calls()
  const all = await Promise.all(numbers(300).map(() => record(notifier, ids[99])))
  const late = publishNumbers(notifier, 10, 500)
  await Promise.all(all.map(({ received }) => received(410)))
  await late
  for (const { data } of all) expect(data()).toEqual(numbers(410, 100))
  // Two pages and the end, each read by the sixteen that may at a time and once for all others; and the publishes.
  expect((await calls()) - before).toBeLessThan(80)
})
