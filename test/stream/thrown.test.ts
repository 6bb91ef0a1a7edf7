import { NeverRetryError } from '@penknife/core'
import { expect, onTestFinished, test } from 'vitest'

import { failure } from '../support/connect.ts'
import { addNumbers, deadLettersOf, openOrders, ORDERS, pendingOf } from '../support/orders.ts'
import { useRedis } from '../support/redis.ts'
import { startWorker } from '../support/workers.ts'

const bench = useRedis()

const trap = (): never => {
  throw new Error('a trap')
}
const UNREADABLE: object = new Proxy(new Error('x'), { get: trap, has: trap, getPrototypeOf: trap })

/** What the handler of entry `at` throws, and the reason of its dead letter. */
const THROWN: readonly (readonly [value: unknown, reason: string])[] = [
  [Object.assign(new Error('x'), { message: null }), 'Error: null'],
  [Object.assign(new Error('x'), { message: 7 }), 'Error: 7'],
  [Object.assign(new Error('x'), { message: Symbol('s') }), 'a thrown value that cannot be shown'],
  [Object.create(null), 'a thrown value that cannot be shown'],
  [{ toString: trap }, 'a thrown value that cannot be shown'],
  [UNREADABLE, 'a thrown value that cannot be shown'],
  ['text', 'text'],
  ['', ''],
  [undefined, 'undefined'],
  [null, 'null'],
  [7, '7'],
  [Symbol('s'), 'Symbol(s)'],
  [{ message: { nested: true } }, '[object Object]'],
]

test.each([
  [
    'throws',
    (value: unknown): never => {
      throw value
    },
  ],
  ['rejects', (value: unknown): Promise<never> => Promise.reject(value)],
])('a handler that %s fails its entry, and the worker continues', async (_, fail) => {
  const stream = await openOrders(bench)
  const { worker, saw } = startWorker(
    stream,
    'billing',
    ({ payload }) => (payload < THROWN.length ? fail(THROWN[payload]?.[0]) : undefined),
    { maxAttempts: 1, concurrency: 1 },
  )
  await addNumbers(stream, THROWN.length + 1)
  await saw('dead', THROWN.length)
  await saw('done')
  const letters = (await deadLettersOf(stream, 'billing')).toReversed()
  expect(letters.map(({ reason }) => reason)).toEqual(THROWN.map(([, reason]) => reason))
  expect(letters.every(({ why }) => why === 'failed')).toBe(true)
  await worker.close()
  expect(await pendingOf(bench.raw, 'billing')).toEqual([])
})

test('half an emoji in a thrown value becomes U+FFFD, and a long reason is not cut inside an emoji', async () => {
  const stream = await openOrders(bench)
  const long = `${'x'.repeat(999)}😀`
  const { saw, events } = startWorker(
    stream,
    'billing',
    ({ payload }) => {
      if (payload === 0) throw new NeverRetryError('bad nickname: ' + 'ann😀'.slice(0, 4))
      if (payload === 1) throw new NeverRetryError(long)
    },
    { concurrency: 1 },
  )
  await addNumbers(stream, 3)
  await saw('dead', 2)
  await saw('done')
  expect(events.filter(({ kind }) => kind === 'trouble')).toEqual([])
  const letters = (await deadLettersOf(stream, 'billing')).toReversed()
  expect(letters.map(({ reason }) => reason)).toEqual(['bad nickname: ann\ufffd', 'x'.repeat(999)])
})

test('a worker without a listener warns about any thrown value, and continues', async () => {
  const stream = await openOrders(bench)
  const handled: number[] = []
  const worker = stream.worker(
    'billing',
    ({ payload }) => {
      if (payload === 0) throw Object.create(null)
      handled.push(payload)
    },
    { maxAttempts: 1, concurrency: 1 },
  )
  onTestFinished(() => worker.close({ deadline: 0 }))
  await addNumbers(stream, 2)
  await expect.poll(() => handled).toEqual([1])
  await worker.close()
  expect(await pendingOf(bench.raw, 'billing')).toEqual([])
})

test('a thenable that settles twice and throws settles its entry once', async () => {
  const stream = await openOrders(bench)
  const answer = (resolve: (value: unknown) => void): void => {
    resolve('done')
    resolve('done again')
    throw new Error('late')
  }
  // oxlint-disable-next-line unicorn/no-thenable -- what is tested
  const { saw, events } = startWorker(stream, 'billing', () => ({ then: answer }))
  await addNumbers(stream, 2)
  await saw('done', 2)
  expect(events.map(({ kind }) => kind)).toEqual(['done', 'done'])
})

test('a result of a batch handler that cannot be read fails its entries', async () => {
  const stream = await openOrders(bench)
  const outcome = (): unknown => Object.defineProperty(['fine', 'fine'], 1, { get: trap })
  const worker = stream.batchWorker('billing', () => outcome(), { maxAttempts: 1, batch: 2 })
  onTestFinished(() => worker.close({ deadline: 0 }))
  const kinds: string[] = []
  worker.on(({ kind }) => void kinds.push(kind))
  await stream.addMany([0, 1])
  await expect
    .poll(() => kinds.filter((kind) => kind === 'dead' || kind === 'done').toSorted())
    .toEqual(['dead', 'dead'])
  expect((await deadLettersOf(stream, 'billing')).map(({ reason }) => reason)).toEqual(['a trap', 'a trap'])
})

test('a schema that throws makes the entry a dead letter without a handler', async () => {
  const validate = (value: unknown): { value: number } => {
    if (value === 0) throw Object.assign(new Error('x'), { message: null })
    return { value: value as number }
  }
  const plain = await openOrders(bench)
  await addNumbers(plain, 2)
  const stream = await openOrders(bench, {
    schema: { '~standard': { version: 1, vendor: 'test', validate } },
  })
  const { saw } = startWorker(stream, 'billing', () => {})
  await saw('dead')
  await saw('done')
  expect(await deadLettersOf(stream, 'billing')).toMatchObject([
    { json: '0', why: 'invalid', reason: 'Error: null' },
  ])
})

test('a listener that throws or rejects changes nothing for the worker', async () => {
  const stream = await openOrders(bench)
  const { worker, saw } = startWorker(stream, 'billing', ({ payload }) => {
    if (payload === 0) throw new NeverRetryError('no')
  })
  worker.on(() => {
    throw Object.create(null)
  })
  const rejects = (): unknown => Promise.reject(Object.assign(new Error('x'), { message: null }))
  worker.on(rejects)
  await addNumbers(stream, 3)
  await saw('done', 2)
  await saw('dead')
})

test.each<[string, () => unknown]>([
  ['throws', trap],
  ['is async', async () => '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
  ['rejects', () => Promise.reject(new Error('no'))],
  ['answers a number', () => 7],
])(
  'a traceparent function that %s costs the trace, not the entry, and is reported once',
  async (_, traceparent) => {
    const warnings: string[] = []
    const onWarning = ({ message }: Error): void => void warnings.push(message)
    process.on('warning', onWarning)
    onTestFinished(() => void process.off('warning', onWarning))
    const stream = await openOrders(bench, { traceparent: traceparent as () => string })
    await stream.add(0)
    await stream.add(1, { delay: 0 })
    await stream.addMany([2, 3])
    const entries = await bench.raw.xrange(ORDERS, '-', '+')
    expect(entries.map(([, fields]) => fields[1])).toEqual(['0', '1', '2', '3'])
    expect(entries.filter(([, fields]) => fields.includes('t'))).toEqual([])
    await expect.poll(() => warnings.filter((text) => text.includes('traceparent function'))).toHaveLength(1)
  },
)

test('an async id function of addMany is refused before anything is added', async () => {
  const stream = await openOrders(bench)
  for (const id of [async () => 'k', () => Promise.reject(new Error('no'))]) {
    const error = await failure(stream.addMany([0, 1], { id: id as never }))
    expect(error).toMatchObject({ code: 'PENKNIFE_INVALID', option: 'id' })
  }
  expect(await bench.raw.exists(ORDERS)).toBe(0)
})

test('async schemas, handlers, batch handlers and listeners are awaited, and their rejections are ordinary failures', async () => {
  const refusing = {
    '~standard': {
      version: 1 as const,
      vendor: 'test',
      validate: async (value: unknown) => {
        if (value === 1) throw new Error('the schema failed')
        return { value: value as number }
      },
    },
  }
  await addNumbers(await openOrders(bench), 3)
  const stream = await openOrders(bench, { schema: refusing })
  const { worker, saw } = startWorker(
    stream,
    'billing',
    async ({ payload }) => {
      if (payload === 2) throw new Error('the handler failed')
    },
    { maxAttempts: 1 },
  )
  const failing = (): unknown => Promise.reject(new Error('the listener failed'))
  worker.on(failing)
  await saw('done')
  await saw('dead', 2)
  const letters = await deadLettersOf(stream, 'billing')
  expect(new Set(letters.map(({ json, why, reason }) => `${json} ${why} ${reason}`))).toEqual(
    new Set(['1 invalid the schema failed', '2 failed the handler failed']),
  )
})
