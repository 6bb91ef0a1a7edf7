import { tracingChannel } from 'node:diagnostics_channel'

import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'

import type { Arg } from '../../packages/core/src/redis/script.ts'
import { failure, openReady } from '../support/connect.ts'
import { counters } from '../support/counters.ts'
import { pattern, patternOf, useRedis } from '../support/redis.ts'
import { testScript } from '../support/scripts.ts'

const bench = useRedis()

const echo = testScript<[shared: Arg], [key: string, arg: Arg], readonly unknown[]>(
  'test/echo',
  `--- Keeps what it is given, and gives it back.
-- @batch 10
-- @shared shared   text or bytes
-- @item key place  a list
-- @item arg arg    text, bytes or a number
-- @returns list    what it was given
local function item(place, arg)
  redis.call('RPUSH', place, shared, arg)
  return { shared, arg, 7, { arg }, false }
end
`,
)

const usual = testScript<[], [key: string, arg: Arg], number>(
  'test/usual',
  `--- Adds to a counter.
-- @batch 10
-- @item key counter   an integer
-- @item arg step = 3  what to add
-- @returns integer    the new value
local function item(counter, step)
  return redis.call('INCRBY', counter, step)
end
`,
)

const fails = testScript<[], [key: string], number>(
  'test/fails',
  `--- Fails.
-- @batch 10
-- @item key counter   a string
-- @returns integer    never
local function item(counter)
  return redis.call('LPUSH', counter, 'x')
end
`,
)

test('text is sent as UTF-8 and bytes unchanged, in the same call; strings in a reply are text at any depth', async () => {
  const { bind, keys } = (await openReady(pattern(bench.server.url))).space('shop').runtime
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, at) => at))
  const key = keys.leaderboard('é€😀')
  const port = bind(echo, [bytes], 5000)
  for (const arg of ['', 'plain', 'é', '€', '😀', '\r\n$3\r\n', 'x'.repeat(20_000), '😀'.repeat(5000)]) {
    const [, text, seven, [nested], nothing] = (await port(keys.route, key, arg)) as [
      unknown,
      string,
      number,
      [string],
      null,
    ]
    expect({ text, seven, nested, nothing }).toEqual({ text: arg, seven: 7, nested: arg, nothing: null })
    expect(await bench.raw.lrangeBuffer(key, -2, -1)).toEqual([bytes, Buffer.from(arg)])
  }
  await port(keys.route, key, -1.5)
  expect(await bench.raw.lindex(key, -1)).toBe('-1.5')
})

test('an argument is not sent when every item of a batch has its usual value', async () => {
  const { bind, keys } = (await openReady(pattern(bench.server.url))).space('shop').runtime
  const port = bind(usual, [], 5000)
  const add = (name: string, step: number): Promise<number> => port(keys.route, keys.leaderboard(name), step)
  await bench.raw.config('SET', 'slowlog-log-slower-than', 0)
  expect(await add('a', 3)).toBe(3)
  expect(await add('a', 4)).toBe(7)
  expect(await Promise.all([add('a', 3), add('b', 3)])).toEqual([10, 3])
  expect(await Promise.all([add('a', 3), add('b', 4)])).toEqual([13, 7])
  expect(await Promise.all([add('a', 4), add('b', 4)])).toEqual([17, 11])
  await bench.raw.config('SET', 'slowlog-log-slower-than', -1)
  const log = (await bench.raw.slowlog('GET', 20)) as [number, number, number, string[]][]
  const sent = log.map(([, , , words]) => words).filter(([command]) => command?.startsWith('eval'))
  // The first is sent twice: its script was not known.
  expect(sent.toReversed().map((words) => words.slice(3 + Number(words[2])))).toEqual([
    [],
    [],
    ['4'],
    [],
    ['3', '4'],
    ['4'],
  ])
})

test("a tracer of ioredis' commands gets those of penknife", async () => {
  const penknife = await openReady(patternOf('ioredis', bench.server.url))
  const count = counters(penknife.space('shop'))
  const received: string[] = []
  const listeners = {
    start: () => {},
    end: () => {},
    asyncStart: () => {},
    asyncEnd: (message: unknown) => received.push((message as { command: string }).command),
    error: () => {},
  }
  const commands = tracingChannel('ioredis:command')
  commands.subscribe(listeners)
  onTestFinished(() => commands.unsubscribe(listeners))
  expect(await count('a')).toBe(1)
  expect(received).toContain('evalsha')
  commands.unsubscribe(listeners)
  const before = received.length
  expect(await count('a')).toBe(2)
  expect(received).toHaveLength(before)
})

test('a wrapper of sendCommand, as tracers have, gets each command with its arguments and its outcome', async () => {
  // So that the first call sends the text.
  await bench.raw.script('FLUSH')
  const seen: { name: string; args: unknown[]; outcome: unknown }[] = []
  const real = Reflect.get(Redis.prototype, 'sendCommand') as (...given: unknown[]) => unknown
  interface Wrapped {
    name: string
    args: unknown[]
    resolve(this: void, value: unknown): void
    reject(this: void, error: unknown): void
  }
  Redis.prototype.sendCommand = function (this: Redis, ...given: unknown[]): never {
    const command = given[0] as Wrapped
    const { resolve, reject, name, args } = command
    command.resolve = (outcome) => {
      seen.push({ name, args, outcome })
      resolve(outcome)
    }
    command.reject = (outcome) => {
      seen.push({ name, args, outcome })
      reject(outcome)
    }
    return real.apply(this, given) as never
  }
  onTestFinished(() => void (Redis.prototype.sendCommand = real as never))
  const space = (await openReady(patternOf('ioredis', bench.server.url))).space('shop')
  const key = space.runtime.keys.leaderboard('a')
  expect(await counters(space)('a', 5)).toBe(5)
  expect(seen.filter(({ name }) => name.startsWith('eval'))).toMatchObject([
    { name: 'evalsha', args: [expect.stringMatching(/^\w{40}$/), 1, key, 5] },
    { name: 'eval', args: [expect.stringContaining('INCRBY'), 1, key, 5], outcome: 5 },
  ])
})

test('the cause of a failure names the command and what it was sent with', async () => {
  const { bind, keys } = (await openReady(patternOf('ioredis', bench.server.url))).space('shop').runtime
  const key = keys.leaderboard('a')
  await bench.raw.set(key, 'text')
  const port = bind(fails, [], 5000)
  await failure(port(keys.route, key))
  const { code, cause } = await failure(port(keys.route, key))
  expect(code).toBe('PENKNIFE_REJECTED')
  expect(cause).toMatchObject({ command: { name: 'evalsha', args: [expect.any(String), 1, key] } })
})
