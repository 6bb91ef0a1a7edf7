import { createLeaderboard, createRateLimiter, createStream, type Penknife, type Space } from '@penknife/core'
import { beforeEach, expect, onTestFinished, test } from 'vitest'

import { publicCalls } from '../../fuzz/calls.ts'
import { available, failure, open } from '../support/connect.ts'
import { counters, REPLICATED, safely } from '../support/counters.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { type Spoil, type Spoiler, startSpoiler } from '../support/spoiler.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

const bench = useRedis()

/** What a proxy, a wrong server or a bug may answer with, as RESP. */
const GARBAGE: Readonly<Record<string, string>> = {
  nil: '$-1\r\n',
  'a nil array': '*-1\r\n',
  'an integer': ':7\r\n',
  'minus one': ':-1\r\n',
  OK: '+OK\r\n',
  'an empty string': '$0\r\n\r\n',
  text: '$7\r\ngarbage\r\n',
  'broken JSON': '$4\r\n[[{"\r\n',
  'JSON of another shape': '$10\r\n{"a":null}\r\n',
  'an empty list': '*0\r\n',
  'a list of one': '*1\r\n:1\r\n',
  'a list of nil': '*2\r\n$-1\r\n$-1\r\n',
  'a list of lists': '*2\r\n*1\r\n:1\r\n*0\r\n',
  'a list with errors': '*2\r\n-ERR odd\r\n-ERR odd\r\n',
  'an error': '-ERR odd\r\n',
  'an error without a code': '-odd\r\n',
}

function some(...names: readonly string[]): [name: string, reply: string][] {
  return names.map((name) => [name, GARBAGE[name] as string])
}

function spoilScripts(reply: string): Spoil {
  return ([command]) => (command?.startsWith('eval') ? reply : undefined)
}

const uncaught: unknown[] = []
const note = (error: unknown): void => void uncaught.push(error)
beforeEach(() => {
  uncaught.length = 0
  process.on('uncaughtException', note).on('unhandledRejection', note)
  onTestFinished(() => void process.off('uncaughtException', note).off('unhandledRejection', note))
})

async function spoiled(): Promise<{ spoiler: Spoiler; penknife: Penknife; space: Space }> {
  const spoiler = await startSpoiler(bench.server)
  const penknife = open(pattern(spoiler.url, { protocol: 2 }), { deadline: 300 })
  await available(penknife)
  return { spoiler, penknife, space: penknife.space('shop') }
}

type Calls = readonly (readonly [name: string, call: () => Promise<unknown>])[]

/** Makes calls in one tick. Returns the names of those that did not end in time. */
async function unsettled(calls: Calls): Promise<string[]> {
  const going = new Map<number, string>()
  const ended = calls.map(async ([name, call], at) => {
    going.set(at, name)
    // A call may throw at once, too.
    await Promise.allSettled([Promise.resolve().then(call)])
    going.delete(at)
  })
  let timer: NodeJS.Timeout | undefined
  const late = new Promise((resolve) => (timer = setTimeout(resolve, 5000)))
  await Promise.race([Promise.all(ended), late])
  clearTimeout(timer)
  return [...going.values()]
}

test.each(Object.entries(GARBAGE))(
  'every call ends, and the process lives on, when Redis answers scripts with %s',
  async (_, reply) => {
    const { spoiler, space } = await spoiled()
    const calls = Object.entries(publicCalls(space))
    spoiler.spoil = spoilScripts(reply)
    expect(await unsettled(calls)).toEqual([])
    // Each twice in one tick: script calls with two items.
    expect(await unsettled(calls.flatMap((call) => [call, call]))).toEqual([])
    // Calls of one tick share replies, and some end with the first.
    expect(spoiler.spoiled).toBeGreaterThan(calls.length / 2)
    spoiler.spoil = undefined
    expect(await counters(space, 5000)('after')).toBe(1)
    expect(uncaught).toEqual([])
  },
)

test('a reply of the wrong type is an error of that call, which names the script and the key', async () => {
  const { spoiler, space } = await spoiled()
  const count = counters(space)
  await count('warm-up')
  spoiler.spoil = spoilScripts('$-1\r\n')
  const error = await failure(count('a'))
  expect(error).toMatchObject({ code: 'PENKNIFE_BAD_REPLY', fate: 'unknown' })
  expect(error.message).toMatch(
    /^test\/count-by, key 'pk1:{shop}:board:a': .*null where integer was expected/,
  )
})

test('a reply that cannot be read is no reason to refuse rules or a board from then on', async () => {
  const { spoiler, space } = await spoiled()
  const limiter = createRateLimiter(space, 'api', {
    rules: [{ name: 'day', limit: 5, algorithm: 'fixed-window', calendar: 'day', timeZone: 'UTC' }],
    whenUnavailable: 'throw',
    deadline: '5s',
  })
  const board = createLeaderboard(space, 'points', { windows: { day: { calendar: 'day' } } })
  for (const reply of [
    '*3\r\n:0\r\n:1\r\n:2\r\n',
    '*2\r\n$1\r\na\r\n$1\r\nb\r\n',
    '*1\r\n:9000000000000000000\r\n',
    ':9000000000000000000\r\n',
  ]) {
    spoiler.spoil = spoilScripts(reply)
    for (const call of [limiter.take('ann'), board.increment('ann')]) {
      expect(await failure(call)).not.toMatchObject({ code: 'PENKNIFE_INVALID' })
    }
    spoiler.spoil = undefined
    expect(await limiter.take('ann')).toMatchObject({ decidedBy: 'redis' })
    await board.increment('ann')
    await limiter.reset('ann')
  }
})

test('a stream whose groups have no names is a reply that cannot be read', async () => {
  const { spoiler, space } = await spoiled()
  const stream = createStream<number>(space, 'orders')
  await stream.add(1)
  spoiler.spoil = spoilScripts('*3\r\n:1\r\n:1\r\n$-1\r\n')
  expect(await failure(stream.stats({ over: 0 }))).toMatchObject({ code: 'PENKNIFE_BAD_REPLY' })
})

test('a list that is too short for its batch is an error of each of its calls', async () => {
  const { spoiler, space } = await spoiled()
  const count = counters(space)
  await count('warm-up')
  spoiler.spoil = spoilScripts('*1\r\n:1\r\n')
  const errors = await Promise.all([count('a'), count('b')].map(failure))
  expect(errors.map(({ code }) => code)).toEqual(['PENKNIFE_BAD_REPLY', 'PENKNIFE_BAD_REPLY'])
  expect(errors[0]?.message).toMatch(/a list of 1 is not a list of 2 replies/)
})

test('a wrong reply in a batch does not affect the others', async () => {
  const { spoiler, space } = await spoiled()
  const count = counters(space)
  await count('warm-up')
  spoiler.spoil = spoilScripts('*3\r\n:5\r\n+OK\r\n-WRONGTYPE odd\r\n')
  const [first, second, third] = await Promise.allSettled([count('a'), count('b'), count('c')])
  expect(first).toMatchObject({ status: 'fulfilled', value: 5 })
  expect(second).toMatchObject({ reason: { code: 'PENKNIFE_BAD_REPLY' } })
  expect(third).toMatchObject({ reason: { code: 'PENKNIFE_REJECTED' } })
})

test.each(some('nil', 'OK', 'text', 'a list of one'))(
  'a write is not called safe when WAIT answers %s',
  async (_, reply) => {
    const { spoiler, space } = await spoiled()
    // The connection's first WAIT only asks whether there is one.
    spoiler.spoil = ([command, replicas]) => (command === 'wait' && replicas !== '0' ? reply : undefined)
    const error = await failure(safely(space, REPLICATED)())
    expect(error).toMatchObject({ code: 'PENKNIFE_NOT_DURABLE', fate: 'unknown' })
    expect(uncaught).toEqual([])
  },
)

test.each(Object.entries(GARBAGE))('health works with any reply to INFO and PING: %s', async (_, reply) => {
  const { spoiler, penknife } = await spoiled()
  spoiler.spoil = ([command]) => (command === 'info' || command === 'ping' ? reply : undefined)
  // penknife reads the server's settings again after each connection.
  await bench.raw.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
  const health = await penknife.health()
  expect(['ok', 'unavailable']).toContain(health.status)
  expect(uncaught).toEqual([])
})

const READS = some('nil', 'an integer', 'text', 'a list of lists', 'an error')
test.each(READS)(
  'a worker continues after the replies to its reads and outcomes were %s',
  async (_, reply) => {
    const { spoiler, space } = await spoiled()
    const stream = createStream<number>(space, 'orders', { groups: ['billing'] })
    const handled = new Set<number>()
    const worker = startWorker(stream, 'billing', ({ payload }) => void handled.add(payload), { lease: 1000 })
    await stream.add(1)
    await until('it works', () => handled.has(1))
    const before = spoiler.spoiled
    spoiler.spoil = ([command]) => (/^(eval|xread)/.test(command ?? '') ? reply : undefined)
    await bench.raw.xadd('pk1:{shop}:stream:orders', '*', 'd', '2')
    await until('replies were spoiled', () => spoiler.spoiled >= before + 3)
    spoiler.spoil = undefined
    await stream.add(3)
    await until('it goes on', () => handled.has(2) && handled.has(3))
    await worker.worker.close()
    expect(uncaught).toEqual([])
  },
)

test('an open circuit is probed, and closes, whatever the probe is answered', async () => {
  for (const reply of Object.values(GARBAGE)) {
    const spoiler = await startSpoiler(bench.server)
    const penknife = open(pattern(spoiler.url, { protocol: 2 }), { breaker: { failures: 1, probeEvery: 10 } })
    await available(penknife)
    const rules = [{ name: 'r', limit: 5, window: '1m' }] as const
    const limiter = createRateLimiter(penknife.space('shop'), 'api', { rules, deadline: 20 })
    const kinds: string[] = []
    limiter.on(({ kind }) => kinds.push(kind))
    spoiler.spoil = ([command]) => (command === 'get' ? reply : undefined)
    await bench.raw.call('CLIENT', 'PAUSE', 60_000, 'WRITE')
    await limiter.take('ann')
    expect(kinds).toEqual(['open'])
    // Replies arrive in order: until now the probes waited behind the call.
    await bench.raw.call('CLIENT', 'UNPAUSE')
    await until('it closes', () => kinds.includes('closed'))
  }
  expect(uncaught).toEqual([])
})

test('a listener of a channel that throws stops neither the others nor the process, and is reported once', async () => {
  const penknife = open(pattern(bench.server.url))
  const { subscriber, keys } = penknife.space('shop').runtime
  const warnings: Error[] = []
  const onWarning = (warning: Error): void => void warnings.push(warning)
  process.on('warning', onWarning)
  onTestFinished(() => void process.off('warning', onWarning))
  const received: string[] = []
  const fault = (): never => {
    throw new Error('listener at fault')
  }
  subscriber.follow(keys.route, 'channel', { message: fault, followed: fault })
  const followed = new Promise<void>((resolve) =>
    subscriber.follow(keys.route, 'channel', { message: (text) => received.push(text), followed: resolve }),
  )
  await followed
  await bench.raw.call('SPUBLISH', 'channel', 'one')
  await bench.raw.call('SPUBLISH', 'channel', 'two')
  await until('both came', () => received.length === 2)
  expect(uncaught).toEqual([])
  expect(warnings.filter(({ message }) => message.includes('listener at fault'))).toHaveLength(1)
})
