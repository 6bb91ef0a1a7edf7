import type { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'

import { createKeys } from '../../packages/core/src/redis/keys.ts'
import { patternOf, useRedis } from '../support/redis.ts'
import { testScript } from '../support/scripts.ts'

const combined = testScript(
  'test/combined-boards',
  `--- Remove a member from one board, take back an increment on another and score on a third: all of it or nothing.
-- @batch 1
-- @include leaderboard/removal
-- @include leaderboard/reversal
-- @include leaderboard/scoring
-- @shared keys keys   set and data of the first board; set, ids and their log of the second; set of the third
-- @item arg id        of the increment
-- @item arg time      when it was made
-- @item arg by        what the member gets on the third board
-- @returns list       whether the member was on the first board, and the value on the third
local first = removal.open(keys, cjson.encode({ windows = { { z = { 1 } } }, former = {}, data = 2 }))
local second = reversal.open(keys, cjson.encode({ windows = { { z = { 3 } } }, ids = 4, idlog = 5, dedup = 1e12 }))
local third = scoring.open(keys, cjson.encode({ windows = { { z = { 6 } } } }))

local function refused(plan)
  return type(plan) ~= 'table' or plan.err
end

local function item(id, time, by)
  local removed = removal.prepare(first, 'ann')
  if refused(removed) then
    return removed
  end
  local reversed = reversal.prepare(second, id, time)
  if refused(reversed) then
    return reversed
  end
  local scored = scoring.prepare(third, { { 'i', 'ann', tonumber(by) } })
  if refused(scored) then
    return scored
  end
  local there = removal.apply(first, removed)
  reversal.apply(second, reversed)
  return { there, scoring.apply(third, scored, 0, false) }
end
`,
)

const bench = useRedis({ args: ['--enable-debug-command', 'yes'] })
const names = createKeys('shop', { keyPrefix: '', db: 0 })
const [A, DATA, B, IDS, IDLOG, C] = [
  names.leaderboard('a'),
  names.leaderboardPart('a', 'data'),
  names.leaderboard('b'),
  names.leaderboardPart('b', 'ids'),
  names.leaderboardPart('b', 'idlog'),
  names.leaderboard('c'),
] as const
const KEYS = [A, DATA, B, IDS, IDLOG, C]

let user: Redis
beforeAll(async () => {
  await bench.raw.call('ACL', 'SETUSER', 'other', 'on', '>x', '~*', '&*', '+@all')
  user = patternOf('ioredis', bench.server.url, { username: 'other', password: 'x' })
})
afterAll(() => user.disconnect())

let time: string
/** Three boards with Ann; her increment by 5 on the second has the id 1. */
async function fill(): Promise<void> {
  await bench.raw.flushall()
  await bench.raw.call('ACL', 'SETUSER', 'other', '+@all')
  const [seconds, microseconds] = (await bench.raw.time()) as unknown as [number, number]
  time = `${seconds}${String(microseconds).padStart(6, '0')}`
  await bench.raw.zadd(A, 1, 'ann', 2, 'bob')
  await bench.raw.hset(DATA, 'ann', '{}')
  await bench.raw.zadd(B, 7, 'ann')
  await bench.raw.hset(IDS, 'i1', `${time}-0 5 - ann`)
  await bench.raw.xadd(IDLOG, `${time}-0`, 'f', 'i1')
  await bench.raw.zadd(C, '3', 'ann')
}
beforeEach(fill)

const run = (id: string, by: string): Promise<unknown> =>
  user.call('eval', [combined.text, KEYS.length, ...KEYS, id, time, by])
const digest = (): Promise<unknown> => bench.raw.call('DEBUG', 'DIGEST')

test('one script removes a member from one board, undoes an increment on another and scores on a third', async () => {
  expect(await run('1', '4')).toEqual(['1', '7'])
  expect(await bench.raw.zrange(A, '0', '-1')).toEqual(['bob'])
  expect(await bench.raw.exists(DATA)).toBe(0)
  expect(await bench.raw.zscore(B, 'ann')).toBe('2')
  expect(await bench.raw.zscore(C, 'ann')).toBe('7')
  // It is taken back once.
  const before = await digest()
  expect(await run('1', '4')).toBeNull()
  expect(await digest()).toBe(before)
})

test('it changes nothing when one of the three is refused', async () => {
  const before = await digest()
  expect(await run('unknown', '4')).toBeNull()
  await bench.raw.zadd(C, '1.7e308', 'ann')
  const full = await digest()
  await expect(run('1', '1e308')).rejects.toThrow(/too large/)
  expect(await digest()).toBe(full)
  await bench.raw.zadd(C, '3', 'ann')
  expect(await digest()).toBe(before)
})

test('it changes nothing when a key has another type', async () => {
  for (const key of KEYS) {
    await fill()
    await bench.raw.del(key)
    await bench.raw.rpush(key, 'x')
    const before = await digest()
    await expect(run('1', '4'), key).rejects.toThrow(/WRONGTYPE/)
    expect(await digest(), key).toBe(before)
  }
})

test.each(['TYPE', 'ZSCORE', 'HGET', 'ZMSCORE'])(
  'it changes nothing when the user may not run %s, with which it reads',
  async (command) => {
    await bench.raw.call('ACL', 'SETUSER', 'other', `-${command}`)
    const before = await digest()
    await expect(run('1', '4')).rejects.toThrow(/can't run this command|has no permissions to run/)
    expect(await digest()).toBe(before)
  },
)
