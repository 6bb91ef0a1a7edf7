import type { Leaderboard } from '@penknife/core'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { failure } from '../support/connect.ts'
import { useRedis } from '../support/redis.ts'
import { cases, until } from '../support/until.ts'
import { warningsOf } from '../support/warnings.ts'
import { boardAt, shown } from './boards.ts'

const bench = useRedis()
const KEY = 'pk1:{shop}:board:points'
const DATA = `${KEY}:data`

async function exported(board: Leaderboard): Promise<Map<string, number>> {
  const found = new Map<string, number>()
  for await (const { member, score } of board.export()) {
    expect(found.has(member), `${JSON.stringify(member)} is exported once`).toBe(false)
    found.set(member, score)
  }
  return found
}

test('data that are not JSON are read as null and reported once; the other rows are returned', async () => {
  const warnings = warningsOf('PENKNIFE_UNREADABLE_DATA')
  const board = await boardAt(bench.server.url)
  await board.update([
    { member: 'ann', set: 9 },
    { member: 'bob', set: 7 },
    { member: 'cem', set: 5 },
  ])
  await board.describe('ann', { name: 'Ann' })
  await board.describe('cem', { name: 'Cem' })
  await bench.raw.hset(DATA, 'bob', '{"name":\n\n')
  const expected = [
    { member: 'ann', score: 9, rank: 1, data: { name: 'Ann' } },
    { member: 'bob', score: 7, rank: 2, data: null },
    { member: 'cem', score: 5, rank: 3, data: { name: 'Cem' } },
  ]
  const how = { data: true }
  expect(await board.top(10, 1, how)).toEqual(expected)
  expect(await board.around('bob', 1, how)).toEqual(expected)
  expect(await board.byScore({}, how)).toEqual(expected)
  expect(await board.ranks(['ann', 'bob', 'cem'], how)).toEqual(expected)
  expect(await board.rank('bob', how)).toEqual(expected[1])
  await until('the warning', () => warnings.length > 0)
  expect(warnings).toEqual([expect.stringMatching(/leaderboard 'points': the data of "bob".*describe\(\)/)])
  await board.describe('bob', { name: 'Bob' })
  expect(await board.rank('bob', how)).toMatchObject({ data: { name: 'Bob' } })
})

test('JSON that another program wrote in several lines is read', async () => {
  const board = await boardAt(bench.server.url)
  await board.set('ann', 1)
  await board.set('bob', 2)
  await bench.raw.hset(DATA, 'bob', JSON.stringify({ name: 'Bob', tags: [1, 2] }, undefined, 2))
  const expected = { member: 'bob', score: 2, rank: 1, data: { name: 'Bob', tags: [1, 2] } }
  expect((await board.top(1, 1, { data: true }))[0]).toEqual(expected)
  expect(await board.ranks(['bob'], { data: true })).toEqual([expected])
  expect(await board.rank('bob', { data: true })).toEqual(expected)
})

test('a member that another program wrote is shown as it is, and can be removed', async () => {
  const board = await boardAt(bench.server.url)
  await board.set('ann', 1)
  await bench.raw.zadd(KEY, -3, 'two\nlines', -2, '', -4, '{braces}')
  expect(shown(await board.top())).toEqual(['1 {braces} 4', '2 two\nlines 3', '3  2', '4 ann 1'])
  expect(shown(await board.around('ann', 2))).toEqual(['2 two\nlines 3', '3  2', '4 ann 1'])
  expect((await failure(board.set('two\nlines', 1))).code).toBe('PENKNIFE_INVALID')
  expect(await board.remove('two\nlines')).toBe(true)
  expect(await board.remove('{braces}')).toBe(true)
  expect(await board.remove('{braces}')).toBe(false)
  expect(shown(await board.top())).toEqual(['1  2', '2 ann 1'])
})

test('an infinite score that another program wrote is read as Infinity', async () => {
  const board = await boardAt(bench.server.url)
  await board.set('ann', 1)
  await bench.raw.zadd(KEY, '-inf', 'best', '+inf', 'worst')
  expect(shown(await board.top())).toEqual(['1 best Infinity', '2 ann 1', '3 worst -Infinity'])
  expect(await board.rank('worst')).toEqual({ member: 'worst', score: -Infinity, rank: 3 })
})

test('every read returns all rows, whatever members another program wrote', async () => {
  const board = await boardAt(bench.server.url)
  const part = fc.constantFrom('a', '\n', '\\', 'n', '\\n', '\r', '\u2028', '1', '🐢')
  const members = fc.uniqueArray(
    fc.array(part, { maxLength: 4 }).map((parts) => parts.join('')),
    { minLength: 1, maxLength: 12 },
  )
  await fc.assert(
    fc.asyncProperty(members, fc.boolean(), async (names, data) => {
      await bench.raw.flushall()
      for (const [at, name] of names.entries()) await bench.raw.zadd(KEY, at, name)
      await bench.raw.hset(DATA, names[0] as string, '{\n"n": 1}')
      const row = (name: string, at: number): object => ({
        member: name,
        score: -at + 0,
        rank: at + 1,
        ...(data ? { data: at === 0 ? { n: 1 } : null } : {}),
      })
      expect(await board.top(100, 1, { data })).toEqual(names.map(row))
      expect(await board.byScore({ max: -1 }, { data })).toEqual(names.map(row).slice(1, 11))
      expect(await exported(board)).toEqual(new Map(names.map((name, at) => [name, -at + 0])))
    }),
    cases(100, 1000),
  )
})
