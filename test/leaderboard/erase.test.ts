import type { Leaderboard } from '@penknife/core'
import { expect, test } from 'vitest'

import { createClock, type Clock, useSettableClock } from '../support/clock.ts'
import { failure } from '../support/connect.ts'
import { callsOf, useRedis } from '../support/redis.ts'
import { all, at, boardAt, HOUR, SECOND } from './boards.ts'
import { keysWith } from './names.ts'

useSettableClock()

const bench = useRedis()
const NAME = 'zoe zimmermann'
const BOARD = 'pk1:{shop}:board:points'

const OPTIONS = {
  windows: {
    all: 'all-time',
    hour: { calendar: 'hour', previous: 2 },
    day: { calendar: 'day' },
    exact: { last: '3h' },
    about: { last: '6h', tolerance: '1h' },
  },
  denseRanks: true,
  dedup: { window: '366d' },
} as const

async function open(): Promise<{ board: Leaderboard; clock: Clock }> {
  const clock = createClock(bench.raw)
  await clock.set(at('2026-06-01T10:30:00Z'))
  return { clock, board: await boardAt(bench.server.url, OPTIONS) }
}

/** Lets a member be everywhere: in every window and period, described, remembered, undone, and removed once before. */
async function beEverywhere(board: Leaderboard, clock: Clock): Promise<void> {
  await board.increment(NAME, 3, { id: 'before' })
  await board.remove(NAME)
  for (let nth = 0; nth < 5; nth++) {
    await board.increment(NAME, 5, { id: `counted-${nth}` })
    await board.increment('bob', 2, { id: `bob-${nth}` })
    await board.increment(NAME, 1)
    await clock.advance(HOUR)
  }
  // Its sum becomes zero, but its increments are in the logs.
  await board.increment(NAME, 7, { id: 'undone' })
  await board.undo('undone')
  await board.describe(NAME, { about: 'her' })
}

test('no key has the name of a member that was removed', async () => {
  const { board, clock } = await open()
  await beEverywhere(board, clock)
  expect((await keysWith(bench.raw, NAME)).length).toBeGreaterThan(10)
  expect(await board.remove(NAME)).toBe(true)
  expect(await keysWith(bench.raw, NAME)).toEqual([])
  expect(await all(board, 'all')).toEqual(['1 bob 10'])
  expect(await all(board, 'exact')).toEqual(['1 bob 4'])
  expect(await all(board, 'about')).toEqual(['1 bob 10'])
})

test('ids of a member that was removed still count once, and cannot be undone', async () => {
  const { board, clock } = await open()
  await beEverywhere(board, clock)
  await board.remove(NAME)
  for (const id of ['before', 'counted-0', 'counted-4', 'undone']) {
    expect(await board.increment('bob', 1000, { id })).toBe(10)
    expect(await board.undo(id)).toBe(false)
  }
  expect(await board.undo('bob-4')).toBe(true)
  expect(await all(board, 'all')).toEqual(['1 bob 8'])
})

test('a member that returns after its removal starts anew, and only its own new entries expire', async () => {
  const { board, clock } = await open()
  await beEverywhere(board, clock)
  await board.remove(NAME)
  await board.increment(NAME, 4, { id: 'anew' })
  expect(await all(board, 'exact')).toEqual(['1 bob 4', `2 ${NAME} 4`])
  expect(await board.undo('anew')).toBe(true)
  await board.increment(NAME, 6)
  await clock.advance(3 * HOUR - SECOND)
  expect(await all(board, 'exact')).toEqual([`1 ${NAME} 6`])
  await clock.advance(SECOND)
  expect(await all(board, 'exact')).toEqual([])
  await clock.advance(3 * HOUR)
  expect(await all(board, 'about')).toEqual([])
  expect(await bench.raw.keys(`${BOARD}:window:about*`)).toEqual([])
})

test('periods that cannot be read any more, and have not yet expired, lose the name too', async () => {
  const { board, clock } = await open()
  await clock.set(at('2026-06-02T23:59:00Z'))
  await board.increment(NAME, 1)
  // Until one in the morning the day before yesterday is there.
  await clock.set(at('2026-06-04T00:30:00Z'))
  expect(await keysWith(bench.raw, NAME)).toContain(`${BOARD}:window:day:20260602T000000Z`)
  await board.remove(NAME)
  // Redis' own clock did not go on, so that hours are there that would have expired.
  const left = await keysWith(bench.raw, NAME)
  expect(left.filter((key) => !key.includes(':window:hour:'))).toEqual([])
})

test('long logs are searched in bounded steps', async () => {
  const { board } = await open()
  for (let nth = 0; nth < 60; nth++) {
    const updates = Array.from({ length: 10 }, (_, each) => ({
      member: each % 5 === 0 ? NAME : `m${each}`,
      increment: 1,
      id: `${nth} ${each}`,
    }))
    await board.update(updates)
  }
  await bench.raw.config('RESETSTAT')
  await board.remove(NAME)
  // The removal; 3 steps of 256 entries in the exact window, 1 in the other one, 5 steps of 128 ids.
  expect(await callsOf(bench.raw, 'evalsha')).toBe(10)
  expect(await keysWith(bench.raw, NAME)).toEqual([])
  expect(await bench.raw.xlen(`${BOARD}:window:exact:log`)).toBe(480)
  expect(await bench.raw.hlen(`${BOARD}:ids`)).toBe(600)
})

test('with erase: false a removal is one call, and the name stays in the logs without effect', async () => {
  const { board, clock } = await open()
  await beEverywhere(board, clock)
  await bench.raw.config('RESETSTAT')
  expect(await board.remove(NAME, { erase: false })).toBe(true)
  expect(await callsOf(bench.raw, 'evalsha')).toBe(1)
  expect(await all(board, 'exact')).toEqual(['1 bob 4'])
  expect(await keysWith(bench.raw, NAME)).toEqual([
    `${BOARD}:idlog`,
    `${BOARD}:ids`,
    `${BOARD}:window:about:gone`,
    `${BOARD}:window:about:log`,
    `${BOARD}:window:exact:gone`,
    `${BOARD}:window:exact:log`,
  ])
  await clock.advance(6 * HOUR)
  for (const window of ['exact', 'about']) expect(await all(board, window)).toEqual([])
})

test('a removal that fails while it erases the name has removed the member, says so, and can be completed by another', async () => {
  const { board, clock } = await open()
  await beEverywhere(board, clock)
  const rights = ['+@all', '~*', '&*', 'on', 'nopass']
  await bench.raw.call('ACL', 'SETUSER', 'default', ...rights, '-xdel')
  const error = await failure(board.remove(NAME))
  await bench.raw.call('ACL', 'SETUSER', 'default', ...rights)
  expect(error).toMatchObject({ code: 'PENKNIFE_FATE_UNKNOWN', fate: 'unknown' })
  expect(error.message).toMatch(
    /removed.*call remove again.*(can't run this command|has no permissions to run)/,
  )
  expect(await all(board, 'all')).toEqual(['1 bob 10'])
  expect(await all(board, 'exact')).toEqual(['1 bob 4'])
  expect(await board.undo('counted-4')).toBe(false)
  expect(await keysWith(bench.raw, NAME)).not.toEqual([])
  expect(await board.remove(NAME)).toBe(false)
  expect(await keysWith(bench.raw, NAME)).toEqual([])
})

test('members removed while others are incremented lose their names, and the others lose nothing', async () => {
  const { board } = await open()
  const boards = [board, await boardAt(bench.server.url, OPTIONS)] as const
  const rounds = Array.from({ length: 30 }, (_, round) => round)
  await Promise.all(
    rounds.flatMap((round) => [
      board.increment('bob', 1, { id: `bob ${round}` }),
      boards[1].increment(`${NAME} ${round % 5}`, 1, { id: `${round}` }),
      ...(round % 3 === 0 ? [(boards[round % 2] as Leaderboard).remove(`${NAME} ${round % 5}`)] : []),
    ]),
  )
  await Promise.all([0, 1, 2, 3, 4].map((nth) => board.remove(`${NAME} ${nth}`)))
  expect(await keysWith(bench.raw, NAME)).toEqual([])
  for (const window of board.windows) expect(await all(board, window)).toEqual(['1 bob 30'])
})
