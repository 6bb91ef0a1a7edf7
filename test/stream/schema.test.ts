import { runInNewContext } from 'node:vm'

import { createStream, type StandardSchema, type Stream } from '@penknife/core'
import { expect, test } from 'vitest'
import { z } from 'zod'

import { failure, openReady } from '../support/connect.ts'
import { deadLettersOf, ORDERS } from '../support/orders.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { startWorker } from '../support/workers.ts'

const bench = useRedis()

type Input = { amount: string }
type Output = { amount: number }

/** As a library would make it: an amount as digits, a number to the handler. */
function amounts(async: boolean): StandardSchema<Input, Output> {
  const validate = (value: unknown): ReturnType<StandardSchema<Input, Output>['~standard']['validate']> => {
    const { amount } = value as Input
    return /^\d+$/.test(amount)
      ? { value: { amount: Number(amount) } }
      : { issues: [{ message: 'not digits', path: [{ key: 'amount' }] }, { message: 'wrong' }] }
  }
  return {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: async ? (value) => Promise.resolve(validate(value)) as never : validate,
    },
  }
}

async function open(async: boolean): Promise<Stream<Input, Output>> {
  const penknife = await openReady(pattern(bench.server.url))
  return createStream(penknife.space('shop'), 'orders', { schema: amounts(async) })
}

test.each([
  ['at once', false],
  ['later', true],
])(
  'a schema that returns its result %s refuses a payload at add, and the error names the issues',
  async (_, async) => {
    const stream = await open(async)
    const error = await failure(stream.add({ amount: 'much' }))
    expect(error).toMatchObject({ code: 'PENKNIFE_INVALID', option: 'payload', fate: 'not-done' })
    expect(error.message).toMatch(/amount: not digits; wrong/)
    expect(await failure(stream.addMany([{ amount: '1' }, { amount: 'x' }]))).toMatchObject({
      option: 'payload',
    })
    expect(await bench.raw.exists(ORDERS)).toBe(0)
  },
)

test.each([
  ['at once', false],
  ['later', true],
])(
  'handlers get the output of a schema that returns it %s; an entry that it refuses becomes a dead letter without a handler',
  async (_, async) => {
    const stream = await open(async)
    const seen: unknown[] = []
    const { saw, of } = startWorker(stream, 'billing', ({ payload }) => {
      seen.push(payload)
    })
    await bench.raw.xadd(ORDERS, '*', 'd', '{"amount":"none"}')
    await stream.add({ amount: '7' })
    await saw('done')
    await saw('dead')
    expect(seen).toEqual([{ amount: 7 }])
    expect(of('dead')).toMatchObject([{ why: 'invalid', attempt: 1 }])
    const [letter] = await deadLettersOf(stream, 'billing')
    expect(letter).toMatchObject({ why: 'invalid', json: '{"amount":"none"}', attempts: 0 })
    expect(letter?.reason).toMatch(/amount: not digits/)
    // The stream stores the payload as it was added.
    expect((await stream.read()).items.at(-1)?.payload).toEqual({ amount: '7' })
  },
)

test('a payload that fits before JSON and not after it is refused at add', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const dates = createStream(penknife.space('shop'), 'orders', { schema: z.object({ at: z.date() }) })
  const error = await failure(dates.add({ at: new Date() }))
  expect(error).toMatchObject({ code: 'PENKNIFE_INVALID', option: 'payload', fate: 'not-done' })
  expect(error.message).toMatch(
    /payload, as it arrives as JSON, does not fit the schema: at: .*expected date/,
  )
  expect(await bench.raw.exists(ORDERS)).toBe(0)

  const texts = createStream(penknife.space('shop'), 'orders', { schema: z.object({ at: z.coerce.date() }) })
  const at = new Date(1_700_000_000_000)
  const seen: unknown[] = []
  const { saw } = startWorker(texts, 'billing', ({ payload }) => seen.push(payload))
  await texts.add({ at })
  await saw('done')
  expect(seen).toEqual([{ at }])
})

test.each([
  ['nothing', undefined],
  ['null', null],
  ['issues that are no list', { issues: 'wrong' }],
])('a schema that returns %s is an error', async (_, answer) => {
  const schema = { '~standard': { version: 1, vendor: 'test', validate: () => answer } }
  const penknife = await openReady(pattern(bench.server.url))
  const stream = createStream<number>(penknife.space('shop'), 'orders', { schema: schema as never })
  expect((await failure(stream.add(1))).message).toMatch(/the result of payload's schema/)
})

test('a schema may return a promise of another realm', async () => {
  const later: unknown = runInNewContext(`Promise.resolve({ issues: [{ message: 'no' }] })`)
  const schema = { '~standard': { version: 1, vendor: 'test', validate: () => later } }
  const penknife = await openReady(pattern(bench.server.url))
  const stream = createStream<number>(penknife.space('shop'), 'orders', { schema: schema as never })
  expect((await failure(stream.add(1))).message).toMatch(/payload does not fit the schema: no/)
})
