import { connect, createStream, type StreamOutput } from '@penknife/core'
import { expect, test } from 'vitest'

import { failure } from '../support/connect.ts'
import { deferred } from '../support/deferred.ts'
import { openOrders, ORDERS } from '../support/orders.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

const bench = useRedis()
const QUEUE = { groups: ['billing'] }
const KEEP = { result: { keep: '1h' } } as const

/** Adds the parts up, as a page would. */
function collect(): { readonly onOutput: (output: StreamOutput) => void; text: string; cursor: string } {
  const page = {
    text: '',
    cursor: '',
    onOutput({ text, cursor, restarted }: StreamOutput) {
      page.text = restarted ? text : page.text + text
      page.cursor = cursor
    },
  }
  return page
}

test('everything that a handler writes arrives once and in order, whenever one begins to wait, before the result', async () => {
  const stream = await openOrders(bench, QUEUE)
  const other = await openOrders(bench, QUEUE)
  const words = Array.from({ length: 120 }, (_, at) => `wört${at}😀 `)
  const reached: string[] = []
  startWorker(stream, 'billing', async ({ write }) => {
    for (const [at, word] of words.entries()) {
      // Some are batched.
      if (at % 7 === 0) await write(word)
      else void write(word)
      reached.push(word)
      await new Promise(setImmediate)
    }
  })
  const id = await stream.add(1, KEEP)
  const pages = Array.from({ length: 24 }, collect)
  const waits = pages.map(async (page, at) => {
    await until('a part is written', () => reached.length >= at * 5)
    return (at % 2 === 0 ? stream : other).result(id, { onOutput: page.onOutput })
  })
  expect((await Promise.all(waits)).map(({ state }) => state)).toEqual(pages.map(() => 'done'))
  const whole = words.join('')
  expect(pages.map(({ text }) => text)).toEqual(pages.map(() => whole))
  // A page that reloads continues from its cursor, in any process.
  const half = Buffer.from(words.slice(0, 60).join(''))
  const rest: string[] = []
  await other.result(id, { after: `1-${half.length}`, onOutput: ({ text }) => rest.push(text) })
  expect(rest.join('')).toBe(words.slice(60).join(''))
})

test('another attempt begins its output anew, and those that have the old text learn of it', async () => {
  const stream = await openOrders(bench, QUEUE)
  const gate = deferred()
  startWorker(
    stream,
    'billing',
    async ({ write, attempt }) => {
      await write(`attempt ${attempt}: `)
      if (attempt === 1) {
        await gate.promise
        throw new Error('broken')
      }
      await write('done')
    },
    { retryDelay: 0 },
  )
  const id = await stream.add(1, KEEP)
  const page = collect()
  const parts: StreamOutput[] = []
  const waiting = stream.result(id, {
    onOutput(part) {
      parts.push(part)
      page.onOutput(part)
    },
  })
  await until('the first arrives', () => page.text === 'attempt 1: ')
  const { cursor } = page
  gate.resolve()
  await waiting
  expect(page.text).toBe('attempt 2: done')
  expect(parts.filter(({ restarted }) => restarted)).toHaveLength(1)
  const reloaded: StreamOutput[] = []
  await stream.result(id, { after: cursor, onOutput: (part) => reloaded.push(part) })
  expect(reloaded).toEqual([{ text: 'attempt 2: done', cursor: '2-15', restarted: true }])
})

test('an output is bounded, ends by itself, and only the worker that has the entry can write', async () => {
  const stream = await openOrders(bench, QUEUE)
  const stored: unknown[] = []
  const gate = deferred()
  const { saw } = startWorker(
    stream,
    'billing',
    async ({ payload, write }) => {
      if (payload === 0) {
        for (let at = 0; at < 16; at++) stored.push(await write('é'.repeat(32_768)))
        stored.push((await failure(write('x'))).message)
        stored.push((await failure(write('x'.repeat(65_537)))).message)
        stored.push((await failure(write('\ud83d'))).message)
        stored.push((await failure(write(5 as never))).message)
      } else {
        stored.push(await write('before'))
        await gate.promise
        stored.push(await write('after'))
      }
    },
    { timeout: '1m', maxAttempts: 1 },
  )
  const large = await stream.add(0, KEEP)
  const parts: string[] = []
  expect(await stream.result(large, { onOutput: ({ text }) => parts.push(text) })).toMatchObject({
    state: 'done',
  })
  expect(parts.join('')).toBe('é'.repeat(16 * 32_768))
  expect(stored.splice(0)).toEqual([
    ...Array.from({ length: 16 }, () => true),
    expect.stringContaining('an output has at most 1048576 bytes'),
    expect.stringContaining('at most 65536 bytes at once'),
    expect.stringContaining('half a character'),
    expect.stringContaining('give text'),
  ])
  // An hour, and the minute that the handler may take.
  const ttl = await bench.raw.pttl(`${ORDERS}:output:billing:${large}`)
  expect(Math.abs(ttl - 3_660_000)).toBeLessThan(60_000)
  const cancelled = await stream.add(1, KEEP)
  await until('it has written', () => stored.length === 1)
  await stream.cancel(cancelled)
  gate.resolve()
  await saw('cancelled')
  await until('it ended', () => stored.length === 2)
  const page = collect()
  expect(await stream.result(cancelled, { onOutput: page.onOutput })).toEqual({ state: 'cancelled' })
  expect([page.text, stored]).toEqual(['before', [true, false]])
  expect(await stream.find(cancelled)).toMatchObject({ state: 'cancelled', outcome: { state: 'cancelled' } })
  // Without `result` nothing is kept.
  stored.length = 0
  const plain = await stream.add(2)
  await until('it ended', () => stored.length === 2)
  expect(stored).toEqual([false, false])
  expect(await bench.raw.exists(`${ORDERS}:output:billing:${plain}`)).toBe(0)
  for (const after of ['x', '1-', '-1', '1'.repeat(17) + '-1', 5 as never]) {
    expect(await failure(stream.result(large, { after, onOutput() {} }))).toMatchObject({ option: 'after' })
  }
  expect(await failure(stream.result(large, { onOutput: 5 as never }))).toMatchObject({ option: 'onOutput' })
  // A cursor inside a character, of another delivery, or behind the end harms nobody.
  for (const after of ['1-3', '9-0', '1-99999999']) {
    const got: string[] = []
    await stream.result(large, { after, onOutput: ({ text }) => got.push(text) })
    expect(got.join('').length).toBeGreaterThan(500_000)
    expect(got.join('')).not.toContain('\ufffd')
  }
})

test('a wait whose connection broke misses nothing of the output', async () => {
  const penknife = connect(pattern(bench.server.url))
  const stream = createStream<number>(penknife.space('shop'), 'orders', QUEUE)
  const writer = await openOrders(bench, QUEUE)
  const gate = deferred()
  startWorker(writer, 'billing', async ({ write }) => {
    await write('a')
    await gate.promise
    await write('b')
    await write('c')
  })
  const id = await writer.add(1, KEEP)
  const page = collect()
  const waiting = stream.result(id, { onOutput: page.onOutput })
  await until('it has one', () => page.text === 'a')
  for (const line of String(await bench.raw.client('LIST', 'TYPE', 'PUBSUB')).split('\n')) {
    const [, client] = /^id=(\d+)/.exec(line) ?? []
    if (client) await bench.raw.client('KILL', 'ID', Number(client))
  }
  gate.resolve()
  expect((await waiting).state).toBe('done')
  expect(page.text).toBe('abc')
  await penknife.close()
})
