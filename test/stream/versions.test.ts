import { subscribe, unsubscribe } from 'node:diagnostics_channel'

import { createStream, type Stream, type StreamOptions } from '@penknife/core'
import { expect, onTestFinished, test } from 'vitest'

import { documentedRights } from '../support/documented-user.ts'
import { failure, openReady } from '../support/connect.ts'
import { openOrders, ORDERS } from '../support/orders.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { warningsOf } from '../support/warnings.ts'
import { startWorker } from '../support/workers.ts'

/** Two versions of an application run side by side during a deploy. */
const bench = useRedis()

const OLD = { groups: ['billing'] }
const NEW = { groups: ['billing', 'mail'] }

async function groups(): Promise<string[]> {
  const found = (await bench.raw.xinfo('GROUPS', ORDERS)) as unknown[][]
  return found.map((fields) => String(fields[fields.indexOf('name') + 1]))
}

/** The events of one kind on penknife:stream, until the test ends. */
function eventsOf(kind: string): readonly unknown[] {
  const events: unknown[] = []
  const listener = (event: unknown): void => {
    if ((event as { kind: string }).kind === kind) events.push(event)
  }
  subscribe('penknife:stream', listener)
  onTestFinished(() => void unsubscribe('penknife:stream', listener))
  return events
}

test('an entry that the new version added is handled by its new group, even if the old version finished it first', async () => {
  const [older, newer] = [await openOrders(bench, OLD), await openOrders(bench, NEW)]
  await older.add(0)
  const billing = startWorker(older, 'billing', () => {})
  await billing.saw('done')
  await newer.add(1)
  await billing.saw('done', 2)
  const handled: number[] = []
  const mail = startWorker(newer, 'mail', ({ payload }) => void handled.push(payload))
  await mail.saw('done')
  expect(handled).toEqual([1])
})

test('the same is true after all data was lost, without a restart of the processes that add', async () => {
  const [older, newer] = [await openOrders(bench, OLD), await openOrders(bench, NEW)]
  await newer.add(0)
  await bench.raw.flushall()
  const billing = startWorker(older, 'billing', () => {})
  await until('the worker made its group', async () => (await bench.raw.exists(ORDERS)) === 1)
  await bench.raw.del(ORDERS)
  await newer.add(1)
  await billing.saw('done')
  const handled: number[] = []
  const mail = startWorker(newer, 'mail', ({ payload }) => void handled.push(payload))
  await mail.saw('done')
  expect(handled).toEqual([1])
})

test.each<[string, (stream: Stream<number>) => Promise<unknown>]>([
  ['alone', (stream) => stream.add(1)],
  ['with an id', (stream) => stream.add(1, { id: 'k' })],
  ['with others', (stream) => stream.addMany([1, 2, 3])],
])('no entry is confirmed before its declared groups exist (%s)', async (_, add) => {
  await bench.raw.call('ACL', 'SETUSER', 'app', 'reset', ...documentedRights(), '-xgroup|create')
  const user = pattern(bench.server.url, { username: 'app', password: 'secret' })
  const stream = createStream<number>((await openReady(user)).space('shop'), 'orders', NEW)
  const refused = await failure(add(stream))
  expect(refused).toMatchObject({ fate: 'not-done' })
  expect(await bench.raw.exists(ORDERS)).toBe(0)
  await bench.raw.call('ACL', 'SETUSER', 'app', '+xgroup|create')
  await add(stream)
  expect(await groups()).toEqual(['billing', 'mail'])
})

test('a group that only the old version declares keeps its entries until it is dropped', async () => {
  const older = await openOrders(bench, NEW)
  await older.add(1)
  const newer = await openOrders(bench, OLD)
  const billing = startWorker(newer, 'billing', () => {})
  await newer.add(2)
  await billing.saw('done', 2)
  expect(await bench.raw.xlen(ORDERS)).toBe(2)
  expect((await newer.stats({ over: 0 })).groups.map(({ name }) => name)).toEqual(['billing', 'mail'])
  await newer.group('mail').drop()
  expect(await groups()).toEqual(['billing'])
  expect(await bench.raw.xlen(ORDERS)).toBe(0)
  // The old version still runs: its adds do not create the group again.
  await older.add(3)
  expect(await groups()).toEqual(['billing'])
})

test.each<[string, StreamOptions<number>, string, StreamOptions<number>, string]>([
  [
    'what a log keeps',
    { retain: { entries: 1000 } },
    'event log, groups none, retain entries 1000',
    { retain: { age: '7d', lossy: true } },
    'event log, groups none, retain age 604800000 ms lossy',
  ],
  ['groups', OLD, 'work queue, groups billing', NEW, 'work queue, groups billing mail'],
  [
    'a work queue into a log',
    { ...OLD, maxBacklog: 500 },
    'work queue, groups billing, maxBacklog 500',
    { ...OLD, retain: { bytes: 4096 } },
    'event log, groups billing, retain bytes 4096',
  ],
])('a deploy that changes %s is accepted and reported once', async (_, older, before, newer, now) => {
  const events = eventsOf('redeclared')
  const first = await openOrders(bench, older)
  await first.add(1)
  for (const stream of [await openOrders(bench, newer), await openOrders(bench, newer)]) {
    await stream.add(1)
    await until('it was reported', () => events.length > 0)
    for (let n = 0; n < 3; n++) await stream.add(n)
    await first.add(1)
  }
  expect(events).toEqual([{ kind: 'redeclared', space: 'shop', name: 'orders', before, now }])
})

test('without a listener the change is a process warning that names both declarations', async () => {
  await (await openOrders(bench, NEW)).add(1)
  const warnings = warningsOf('PENKNIFE_REDECLARED')
  startWorker(await openOrders(bench, OLD), 'billing', () => {})
  await until('it warns', () => warnings.length > 0)
  expect(warnings).toEqual([
    expect.stringMatching(
      /^stream 'orders' of space 'shop' was declared with 'work queue, groups billing mail' and now with 'work queue, groups billing'/,
    ),
  ])
})

test('a damaged declaration does not stop adds or workers', async () => {
  await bench.raw.hset(`${ORDERS}:declaration`, 'x', 'y')
  const stream = await openOrders(bench, OLD)
  const billing = startWorker(stream, 'billing', () => {})
  await stream.add(1)
  await billing.saw('done')
})
