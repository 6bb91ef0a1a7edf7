import type { DeadLetter, Stream } from '@penknife/core'
import { expect, test } from 'vitest'

import { failure } from '../support/connect.ts'
import { deadLettersOf, deadOf, delayedOf, openOrders, ORDERS } from '../support/orders.ts'
import { callsOf, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

const bench = useRedis()
const READY = `${ORDERS}:ready:billing`

/** Dead letters of group billing, the number its payload; resolves with their positions. */
async function bury(numbers: readonly number[], kind: string = 'failed', at?: number): Promise<string[]> {
  const positions: string[] = []
  for (const number of numbers) {
    const position = at === undefined ? '*' : `${at}-*`
    const fields = {
      i: `1-${number}`,
      a: 5,
      f: 7,
      g: 'billing',
      k: kind,
      e: `no ${number}`,
      d: String(number),
    }
    positions.push(
      (await bench.raw.xadd(deadOf('billing'), position, ...Object.entries(fields).flat())) as string,
    )
  }
  return positions
}

async function collect(letters: AsyncIterable<DeadLetter>): Promise<number[]> {
  const found: number[] = []
  for await (const { json } of letters) found.push(Number(json))
  return found
}

/** What is ready for the group: payload, attempts used and fencing number. */
async function ready(): Promise<{ d: string | undefined; a: string | undefined; f: string | undefined }[]> {
  const entries = await bench.raw.xrange(READY, '-', '+')
  return entries.map(([, fields]) => {
    const of = (name: string): string | undefined => fields[fields.indexOf(name) + 1]
    return { d: of('d'), a: of('a'), f: of('f') }
  })
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, at) => at)

async function open(): Promise<Stream<number>> {
  return openOrders(bench, { groups: ['billing'] })
}

test('a dead letter has its payload, group, reason and time', async () => {
  const { deadLetters } = (await open()).group('billing')
  const [position] = await bury([3], 'vanished')
  const letter = {
    id: '1-3',
    position,
    group: 'billing',
    json: '3',
    attempts: 5,
    why: 'vanished',
    reason: 'no 3',
    traceparent: undefined,
    diedAtMs: Number.parseInt(position!, 10),
  }
  expect(await deadLetters.get(position!)).toEqual(letter)
  const listed = []
  for await (const each of deadLetters.iterate()) listed.push(each)
  expect(listed).toEqual([letter])
  expect(await deadLetters.get('1-1')).toBeUndefined()
})

test('iterate returns all, newest or oldest first, and fetches a page at a time', async () => {
  const { deadLetters } = (await open()).group('billing')
  await bury(numbers(250))
  const before = await callsOf(bench.raw, 'evalsha')
  expect(await collect(deadLetters.iterate())).toEqual(numbers(250).toReversed())
  expect(await callsOf(bench.raw, 'evalsha')).toBeLessThanOrEqual(before + 4)
  expect(await collect(deadLetters.iterate({ oldestFirst: true, pageEntries: 7 }))).toEqual(numbers(250))
})

test('list returns a page, and next continues after it', async () => {
  const { deadLetters } = (await open()).group('billing')
  await bury(numbers(5))
  const first = await deadLetters.list({ limit: 2 })
  expect(first.items.map(({ json }) => json)).toEqual(['4', '3'])
  const second = await deadLetters.list({ limit: 10, after: first.next! })
  expect(second).toMatchObject({ items: [{ json: '2' }, { json: '1' }, { json: '0' }], next: undefined })
  const oldest = await deadLetters.list({ limit: 3, oldestFirst: true })
  expect(oldest.items.map(({ json }) => json)).toEqual(['0', '1', '2'])
  expect((await deadLetters.list({ oldestFirst: true, after: oldest.next! })).items).toHaveLength(2)
  expect(await deadLetters.list({ limit: 2, where: () => false })).toEqual({ items: [], next: first.next })
})

test.each([
  ['limit', { limit: 0 }],
  ['limit', { limit: 1001 }],
  ['after', { after: '5' }],
  ["list option 'pageEntries'", { pageEntries: 5 }],
])('list checks %s before anything is sent', async (option, options) => {
  const { deadLetters } = (await open()).group('billing')
  expect(await failure(deadLetters.list(options as object))).toMatchObject({
    code: 'PENKNIFE_INVALID',
    option,
  })
})

test('a filter selects by time, kind, entry or a function', async () => {
  const { deadLetters } = (await open()).group('billing')
  await bury([1, 2], 'failed', 1000)
  await bury([3], 'invalid', 2000)
  await bury([4], 'never-retry', 3000)
  const list = (filter: object): Promise<number[]> =>
    collect(deadLetters.iterate({ ...filter, oldestFirst: true }))
  expect(await list({ from: 1001, to: new Date(3000) })).toEqual([3, 4])
  expect(await list({ why: 'failed' })).toEqual([1, 2])
  expect(await list({ why: ['invalid', 'never-retry'] })).toEqual([3, 4])
  expect(await list({ id: '1-2' })).toEqual([2])
  expect(await list({ where: ({ reason }: DeadLetter) => reason === 'no 4' })).toEqual([4])
})

test('a letter is requeued with all attempts again, and once even if three calls do it', async () => {
  const { deadLetters } = (await open()).group('billing')
  const [first, second] = await bury([1, 2])
  const answers = await Promise.all([1, 2, 3].map(() => deadLetters.requeue(first!)))
  expect(answers.toSorted((a, b) => a - b)).toEqual([0, 0, 1])
  // Its fencing number is kept: the next delivery has a higher one.
  expect(await ready()).toEqual([{ d: '1', a: '0', f: '7' }])
  expect(await collect(deadLetters.iterate())).toEqual([2])
  expect(await deadLetters.purge(second!)).toBe(1)
  expect(await deadLetters.purge(second!)).toBe(0)
  expect(await collect(deadLetters.iterate())).toEqual([])
})

test('letters that a filter selects are requeued or purged, a page at a time, and the others stay', async () => {
  const { deadLetters } = (await open()).group('billing')
  await bury(numbers(350))
  const even = { where: ({ json }: DeadLetter) => Number(json) % 2 === 0 }
  expect(await deadLetters.requeue(even)).toBe(175)
  expect((await ready()).map(({ d }) => Number(d)).toSorted((a, b) => a - b)).toEqual(
    numbers(350).filter((number) => number % 2 === 0),
  )
  expect(await deadLetters.purge({ to: 1 })).toBe(0)
  // An id that is missing by mistake does not choose all.
  const missing = { id: undefined as unknown as string }
  const refused = { code: 'PENKNIFE_INVALID', message: expect.stringContaining('purge id is undefined') }
  expect(await failure(deadLetters.purge(missing))).toMatchObject(refused)
  expect((await failure(deadLetters.requeue(missing))).code).toBe('PENKNIFE_INVALID')
  expect(await deadLetters.purge({})).toBe(175)
  expect(await collect(deadLetters.iterate())).toEqual([])
  expect(await bench.raw.xlen(READY)).toBe(175)
})

test.each<[string, () => unknown]>([
  ['an async function', async () => false],
  ['an async function that fails', () => Promise.reject(new Error('no'))],
  ['a function that returns nothing', () => undefined],
  ['a function that returns text', () => 'no'],
])('%s as a filter is refused before any letter is changed', async (_, where) => {
  const { deadLetters } = (await open()).group('billing')
  await bury(numbers(3))
  const filter = { where: where as () => boolean }
  for (const call of [
    deadLetters.purge(filter),
    deadLetters.requeue(filter),
    collect(deadLetters.iterate(filter)),
  ]) {
    expect(await failure(call)).toMatchObject({
      code: 'PENKNIFE_INVALID',
      message: expect.stringMatching(/result of where/),
    })
  }
  expect(await collect(deadLetters.iterate())).toHaveLength(3)
  expect(await bench.raw.exists(READY)).toBe(0)
})

test('letters that arrive while others are requeued are not touched', async () => {
  const { deadLetters } = (await open()).group('billing')
  await bury(numbers(150))
  let late: Promise<string[]> | undefined
  const where = (): boolean => {
    late ??= bury([999])
    return true
  }
  expect(await deadLetters.requeue({ where })).toBe(150)
  await late
  expect(await collect(deadLetters.iterate())).toEqual([999])
})

test.each([
  ['why', { why: 'boredom' }],
  ['id', { id: 'x' }],
  ['from', { from: 'yesterday' }],
  ['where', { where: 'x' }],
  ["requeue option 'when'", { when: 1 }],
  ['position', '5'],
])('requeue checks %s before anything is sent', async (option, which) => {
  const { deadLetters } = (await open()).group('billing')
  await bury([1])
  expect(await failure(deadLetters.requeue(which as object))).toMatchObject({
    code: 'PENKNIFE_INVALID',
    option,
  })
  expect(await collect(deadLetters.iterate())).toEqual([1])
})

test('a due entry that cannot be read becomes a dead letter, and due entries beside it are handled once', async () => {
  const stream = await open()
  const handled: number[] = []
  const spoiled = ['not msgpack at all', 'x', '', '\u00c1', '\u0093\u00a31-1\u0001\u0001']
  await stream.add(1, { delay: 50 })
  const worker = startWorker(stream, 'billing', ({ payload }) => handled.push(payload), { lease: 200 })
  await worker.saw('delayed')
  for (const [at, member] of spoiled.entries())
    await bench.raw.zadd(delayedOf('billing'), at, Buffer.from(member, 'latin1'))
  await stream.add(2, { delay: 1 })
  await until('no entry is delayed any more', async () => (await bench.raw.zcard(delayedOf('billing'))) === 0)
  await worker.saw('dead', spoiled.length)
  await until('the good ones are handled', () => handled.length >= 2)
  expect(handled.toSorted((a, b) => a - b)).toEqual([1, 2])
  const letters = await deadLettersOf(stream, 'billing')
  expect(letters.map(({ id, why, attempts }) => ({ id, why, attempts }))).toEqual(
    spoiled.map(() => ({ id: '0-0', why: 'invalid', attempts: 0 })),
  )
  expect(letters.map(({ json }) => json)).toContain('not msgpack at all')
  expect(worker.of('trouble')).toEqual([])
  // Requeued it ends there again, and runs nothing.
  await stream.group('billing').deadLetters.requeue({})
  await worker.saw('dead', 2 * spoiled.length)
  expect(handled).toHaveLength(2)
})

test('a group keeps as many dead letters as deadLetters.entries says, the newest ones', async () => {
  await bury(numbers(50))
  const stream = await openOrders(bench, { groups: ['billing'], deadLetters: { entries: 3 } })
  await stream.addMany([100, 101])
  const { saw } = startWorker(stream, 'billing', () => Promise.reject(new Error('no')), {
    maxAttempts: 1,
    concurrency: 1,
  })
  await saw('dead', 2)
  const left = async (): Promise<string> =>
    (await deadLettersOf(stream, 'billing')).map(({ json }) => json).join()
  await until('the others are deleted', async () => (await left()) === '101,100,49')
})

test('dead letters older than deadLetters.age are deleted while the group has a worker', async () => {
  await bury([1, 2], 'failed', Date.now() - 120_000)
  await bury([3])
  const stream = await openOrders(bench, { groups: ['billing'], deadLetters: { age: '1m' } })
  startWorker(stream, 'billing', () => {})
  await until('old ones are deleted', async () => (await bench.raw.xlen(deadOf('billing'))) === 1)
  expect((await deadLettersOf(stream, 'billing')).map(({ json }) => json)).toEqual(['3'])
})

test('limits of dead letters that are wrong are refused', async () => {
  const refuse = (deadLetters: object): Promise<unknown> => failure(openOrders(bench, { deadLetters }))
  expect(await refuse({})).toMatchObject({ option: 'deadLetters' })
  expect(await refuse({ entries: 0 })).toMatchObject({ option: 'entries' })
  expect(await refuse({ age: 5 })).toMatchObject({ option: 'age' })
})
