import type { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'

import { createKeys } from '../../packages/core/src/redis/keys.ts'
import type { Arg } from '../../packages/core/src/redis/script.ts'
import { patternOf, useRedis } from '../support/redis.ts'
import { testScript } from '../support/scripts.ts'

const combined = testScript(
  'test/combined',
  `--- Append an entry, change scores on two boards and publish an event: all of it or nothing.
-- @batch 1
-- @include stream/append
-- @include leaderboard/scoring
-- @include notifier/publication
-- @shared keys keys   the stream, the history, the channels' beginnings, the key of the event's id, and the two boards
-- @shared live        pub/sub channel
-- @shared entries     of the stream: its limits
-- @item arg by        what the member gets on both boards
-- @returns list       the entry's id, the values on both boards, the event's id
local stream = append.open(keys, 1, entries)
local channel = { history = keys[2], next = keys[3], live = live, keep = 100, ttl = 60000, age = 0, window = 60000 }
local boards = {}
for at = 1, 2 do
  boards[at] = scoring.open(keys, cjson.encode({ windows = { { z = { 4 + at } } } }))
end

local function item(by)
  local may = append.prepare(stream)
  if may ~= true then
    return may
  end
  may = publication.prepare(channel, keys[4])
  if may ~= true then
    return may
  end
  local plans = {}
  for at, board in ipairs(boards) do
    plans[at] = scoring.prepare(board, { { 'i', 'ann', tonumber(by) } })
    if type(plans[at]) ~= 'table' or plans[at].err then
      return plans[at]
    end
  end
  local id = append.apply(stream, by, '', '')
  if type(id) == 'table' then
    return id
  end
  local values = {}
  for at, board in ipairs(boards) do
    values[at] = scoring.apply(board, plans[at], 0, false)
  end
  local event = publication.apply(channel, keys[4], 'scored', by, '', '0')
  if type(event) == 'table' then
    error(event)
  end
  return { id, values[1], values[2], event }
end
`,
)

const bench = useRedis({ args: ['--enable-debug-command', 'yes'] })
const names = createKeys('shop', { keyPrefix: '', db: 0 })
const KEYS = [
  names.stream('points'),
  names.history('live', 'room'),
  names.beginnings('live'),
  `${names.beginnings('live')}:once`,
  names.leaderboard('day'),
  names.leaderboard('week'),
] as const
const LIVE = names.live('live', 'room')
const ENTRIES = '0 3 1000 0 0 0 1 billing'

let user: Redis
beforeAll(async () => {
  await bench.raw.call('ACL', 'SETUSER', 'other', 'on', '>x', '~*', '&*', '+@all')
  user = patternOf('ioredis', bench.server.url, { username: 'other', password: 'x' })
})
afterAll(() => user.disconnect())
beforeEach(async () => {
  await bench.raw.call('ACL', 'SETUSER', 'other', '+@all')
})

const run = (by: Arg): Promise<unknown> =>
  user.call('eval', [combined.text, KEYS.length, ...KEYS, LIVE, ENTRIES, by])
const digest = (): Promise<unknown> => bench.raw.call('DEBUG', 'DIGEST')

test('one script changes a stream, two boards and a channel', async () => {
  const received: string[] = []
  const listener = bench.raw.duplicate()
  await listener.ssubscribe(LIVE)
  const message = new Promise((resolve) => listener.once('smessage', (_, text) => resolve(text)))
  listener.on('smessage', (_, text) => received.push(text as string))
  const [id, day, week, event] = (await run(5)) as string[]
  expect([day, week]).toEqual(['5', '5'])
  expect(await bench.raw.xrange(KEYS[0], '-', '+')).toEqual([[id, ['d', '5']]])
  expect(await bench.raw.zscore(KEYS[4], 'ann')).toBe('5')
  expect(await bench.raw.zscore(KEYS[5], 'ann')).toBe('5')
  expect(await message).toBe(`${event}\nscored\n5`)
  listener.disconnect()
  // The same event again: nothing is done.
  const before = await digest()
  expect(await run(5)).toBe(event)
  expect(await digest()).toBe(before)
})

test.each([
  [
    'the stream is full',
    ['XADD', KEYS[0], '1-1', 'd', '1'],
    ['XADD', KEYS[0], '1-2', 'd', '1'],
    ['XADD', KEYS[0], '1-3', 'd', '1'],
    ['XGROUP', 'CREATE', KEYS[0], 'billing', '0'],
  ],
  ['the first board would become too large', ['ZADD', KEYS[4], '1.7e308', 'ann']],
  ['the second board would become too large', ['ZADD', KEYS[5], '1.7e308', 'ann']],
  ['nothing can follow in the channel', ['XADD', KEYS[1], '9000000000000000-1', 'd', '1']],
])('it changes nothing when %s', async (_, ...before) => {
  await bench.raw.flushall()
  for (const [command, ...args] of before) await bench.raw.call(command as string, args)
  const was = await digest()
  await run('1e308').catch(() => {})
  expect(await digest()).toBe(was)
})

test('it changes nothing when a key has another type', async () => {
  for (const key of KEYS) {
    await bench.raw.flushall()
    await bench.raw.rpush(key, 'x')
    const was = await digest()
    await expect(run(1), key).rejects.toThrow(/WRONGTYPE/)
    expect(await digest(), key).toBe(was)
  }
})

test('it changes nothing, or fails with an unknown fate, when the user may not run one of its commands', async () => {
  const commands = [...combined.text.matchAll(/\bp?call\('(\w+)'/g)].map(([, command = '']) => command)
  let refused = 0
  for (const command of new Set([...commands, 'XADD', 'SPUBLISH'])) {
    await bench.raw.flushall()
    await bench.raw.call('ACL', 'SETUSER', 'other', '+@all', `-${command}`)
    const was = await digest()
    const ended = await run(1).catch((error: Error) => error)
    if (!(ended instanceof Error) || /user_script/.test(ended.message)) continue
    refused++
    expect(await digest(), command).toBe(was)
  }
  expect(refused).toBeGreaterThan(0)
})
