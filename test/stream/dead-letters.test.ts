import type { DeadLetter, Stream } from '@penknife/core'
import { expect, test } from 'vitest'

import { failure } from '../support/connect.ts'
import { buriedOf, deadOf, laterOf, openOrders, ORDERS } from '../support/orders.ts'
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

test('a dead letter says what it was, whose, why it died and when', async () => {
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
  for await (const each of deadLetters.list()) listed.push(each)
  expect(listed).toEqual([letter])
  expect(await deadLetters.get('1-1')).toBeUndefined()
})

test('they are listed newest or oldest first, page by page', async () => {
  const { deadLetters } = (await open()).group('billing')
  await bury(numbers(250))
  const before = await callsOf(bench.raw, 'evalsha')
  expect(await collect(deadLetters.list())).toEqual(numbers(250).toReversed())
  expect(await callsOf(bench.raw, 'evalsha')).toBeLessThanOrEqual(before + 4)
  expect(await collect(deadLetters.list({ oldestFirst: true, pageEntries: 7 }))).toEqual(numbers(250))
})

test('a filter names them by time, kind, entry, or whatever it likes', async () => {
  const { deadLetters } = (await open()).group('billing')
  await bury([1, 2], 'failed', 1000)
  await bury([3], 'invalid', 2000)
  await bury([4], 'never-retry', 3000)
  const list = (filter: object): Promise<number[]> =>
    collect(deadLetters.list({ ...filter, oldestFirst: true }))
  expect(await list({ from: 1001, to: new Date(3000) })).toEqual([3, 4])
  expect(await list({ why: 'failed' })).toEqual([1, 2])
  expect(await list({ why: ['invalid', 'never-retry'] })).toEqual([3, 4])
  expect(await list({ id: '1-2' })).toEqual([2])
  expect(await list({ where: ({ reason }: DeadLetter) => reason === 'no 4' })).toEqual([4])
})

test('one is requeued with all its attempts before it, once however often it is asked for', async () => {
  const { deadLetters } = (await open()).group('billing')
  const [first, second] = await bury([1, 2])
  const answers = await Promise.all([1, 2, 3].map(() => deadLetters.requeue(first!)))
  expect(answers.toSorted((a, b) => a - b)).toEqual([0, 0, 1])
  // Its fencing number is kept: the next delivery has a higher one.
  expect(await ready()).toEqual([{ d: '1', a: '0', f: '7' }])
  expect(await collect(deadLetters.list())).toEqual([2])
  expect(await deadLetters.purge(second!)).toBe(1)
  expect(await deadLetters.purge(second!)).toBe(0)
  expect(await collect(deadLetters.list())).toEqual([])
})

test('those that a filter names are requeued or purged, page by page, and the others stay', async () => {
  const { deadLetters } = (await open()).group('billing')
  await bury(numbers(350))
  const even = { where: ({ json }: DeadLetter) => Number(json) % 2 === 0 }
  expect(await deadLetters.requeue(even)).toBe(175)
  expect((await ready()).map(({ d }) => Number(d)).toSorted((a, b) => a - b)).toEqual(
    numbers(350).filter((number) => number % 2 === 0),
  )
  expect(await deadLetters.purge({ to: 1 })).toBe(0)
  expect(await deadLetters.purge({})).toBe(175)
  expect(await collect(deadLetters.list())).toEqual([])
  expect(await bench.raw.xlen(READY)).toBe(175)
})

test.each<[string, () => unknown]>([
  ['an async function', async () => false],
  ['an async function that fails', () => Promise.reject(new Error('no'))],
  ['a function without an answer', () => undefined],
  ['a function that answers text', () => 'no'],
])('%s as a filter touches nothing, whatever it would answer', async (_, where) => {
  const { deadLetters } = (await open()).group('billing')
  await bury(numbers(3))
  const filter = { where: where as () => boolean }
  for (const call of [
    deadLetters.purge(filter),
    deadLetters.requeue(filter),
    collect(deadLetters.list(filter)),
  ]) {
    expect(await failure(call)).toMatchObject({
      code: 'PENKNIFE_INVALID',
      message: expect.stringMatching(/where's answer/),
    })
  }
  expect(await collect(deadLetters.list())).toHaveLength(3)
  expect(await bench.raw.exists(READY)).toBe(0)
})

test('what dies while others are requeued is left alone', async () => {
  const { deadLetters } = (await open()).group('billing')
  await bury(numbers(150))
  let late: Promise<string[]> | undefined
  const where = (): boolean => {
    late ??= bury([999])
    return true
  }
  expect(await deadLetters.requeue({ where })).toBe(150)
  await late
  expect(await collect(deadLetters.list())).toEqual([999])
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
  expect(await collect(deadLetters.list())).toEqual([1])
})

test('what was due and cannot be read becomes a dead letter, and what is due beside it is handled once', async () => {
  const stream = await open()
  const handled: number[] = []
  const spoiled = ['not msgpack at all', 'x', '', '\u00c1', '\u0093\u00a31-1\u0001\u0001']
  await stream.add(1, { delay: 50 })
  const worker = startWorker(stream, 'billing', ({ payload }) => handled.push(payload), { lease: 200 })
  await worker.saw('delayed')
  for (const [at, member] of spoiled.entries())
    await bench.raw.zadd(laterOf('billing'), at, Buffer.from(member, 'latin1'))
  await stream.add(2, { delay: 1 })
  await until('all of it is somewhere', async () => (await bench.raw.zcard(laterOf('billing'))) === 0)
  await worker.saw('dead', spoiled.length)
  await until('the good ones are handled', () => handled.length >= 2)
  expect(handled.toSorted((a, b) => a - b)).toEqual([1, 2])
  const letters = await buriedOf(stream, 'billing')
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
