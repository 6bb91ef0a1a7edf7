import { expect, test } from 'vitest'

import { createClock, useSettableClock } from '../support/clock.ts'
import { useRedis } from '../support/redis.ts'
import { LONG } from '../support/until.ts'
import { at, boardAt, HOUR, SECOND } from './boards.ts'

useSettableClock()

const bench = useRedis()
const START = at('2032-01-01T00:00:00Z')
const TIES = { since: '2032-01-01T00:00:00Z', until: '2042-01-01T00:00:00Z' } as const

test.each([
  ['equals by member', {}],
  ['equals by who came first', { ties: TIES }],
  ['dense ranks', { denseRanks: true }],
  ['a rolling window that others leave', { windows: { hour: { last: '1h' } } }],
  ['a rolling window with a tolerance', { windows: { hour: { last: '1h', tolerance: '5m' } } }],
] as const)(
  'an export beside writers gives every member that was there throughout once, with a score it had: %s',
  async (_name, options) => {
    const clock = createClock(bench.raw)
    await clock.set(START)
    const board = await boardAt(bench.server.url, options, { deadline: '10s' })
    await Promise.all(
      Array.from({ length: LONG ? 6000 : 1500 }, (_, nth) => board.increment(`leaving${nth}`)),
    )
    await clock.advance(HOUR / 2)
    const staying = Array.from({ length: LONG ? 3000 : 1000 }, (_, nth) => `s${nth}`)
    const had = new Map<string, Set<number>>()
    async function increment(member: string, by: number): Promise<void> {
      const score = await board.increment(member, by)
      had.set(member, (had.get(member) ?? new Set()).add(score))
    }
    // No sum of these is ever zero: in a rolling window that would be no row.
    await Promise.all(staying.map((member, nth) => increment(member, 500 * nth + 3)))
    await clock.advance(HOUR / 2 - SECOND)

    const got = new Map<string, number>()
    const exporting = { on: true }
    const writing = (async () => {
      for (let round = 0; exporting.on; round++) {
        await clock.advance(SECOND)
        await Promise.all([
          ...Array.from({ length: 200 }, (_, nth) =>
            increment(staying[(round * 200 + nth * 13) % staying.length] as string, (nth % 7) * 500 - 1000),
          ),
          ...Array.from({ length: 100 }, (_, nth) => board.remove(`leaving${round * 100 + nth}`)),
          board.increment(`coming${round}`),
          board.remove(`coming${round - 3}`),
        ])
      }
    })()
    for await (const { member, score } of board.export()) {
      if (got.has(member)) expect.fail(`${member} is exported twice`)
      got.set(member, score)
    }
    exporting.on = false
    await writing
    const wrong = staying.filter((member) => !had.get(member)?.has(got.get(member) as number))
    expect(wrong).toEqual([])
  },
  60_000,
)

test('a member that Redis returns twice, because the board shrank, is exported once', async () => {
  await createClock(bench.raw).set(START)
  const board = await boardAt(bench.server.url)
  const KEY = 'pk1:{shop}:board:points'
  // Where it is in the set, and so which members it gives again, is chance: some of them do.
  for (let round = 1; round <= 10; round++) {
    const members = Array.from({ length: 4000 }, (_, nth) => `m${nth}-${round}`)
    await bench.raw.zadd(KEY, ...members.flatMap((member) => [1, member]))
    const got: string[] = []
    for await (const { member } of board.export()) {
      got.push(member)
      if (got.length !== round * 350) continue
      await bench.raw.zrem(KEY, ...members.slice(300))
      // Each member that is read moves a part of the set into its smaller table.
      await bench.raw.zmscore(KEY, ...members)
    }
    const once = new Set(got)
    expect(once.size).toBe(got.length)
    const missing = members.slice(0, 300).filter((member) => !once.has(member))
    expect(missing).toEqual([])
    await bench.raw.del(KEY)
  }
})

test('an export of an empty board gives nothing, and one can be left early', async () => {
  await createClock(bench.raw).set(START)
  const board = await boardAt(bench.server.url, {
    windows: { day: { calendar: 'day' }, hour: { last: '1h' } },
  })
  for await (const row of board.export()) throw new Error(`gave ${row.member}`)
  await Promise.all(Array.from({ length: 300 }, (_, nth) => board.increment(`m${nth}`, nth + 1)))
  for (const window of board.windows) {
    let count = 0
    for await (const _ of board.export({ window })) count += 1
    expect(count).toBe(300)
    for await (const _ of board.export({ window })) break
  }
})

test('an export of a calendar window stays with the period it began in', async () => {
  const clock = createClock(bench.raw)
  await clock.set(START)
  const board = await boardAt(bench.server.url, { windows: { day: { calendar: 'day' } } })
  await Promise.all(Array.from({ length: 3000 }, (_, nth) => board.increment(`old${nth}`)))
  const got: string[] = []
  for await (const { member } of board.export()) {
    if (got.push(member) === 1) {
      await clock.advance(24 * HOUR)
      await Promise.all(Array.from({ length: 3000 }, (_, nth) => board.increment(`new${nth}`)))
    }
  }
  expect(got.filter((member) => !member.startsWith('old'))).toEqual([])
  expect(got).toHaveLength(3000)
})
