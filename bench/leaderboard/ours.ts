import type { Leaderboard, LeaderboardOptions } from '@penknife/core'
import { pattern } from '../harness/connections.ts'

import { coreOf, type Library, THIS_BUILD } from '../harness/library.ts'
import { type Board, eachOf, type OpenBoard, sumOfRows } from './board.ts'
import { memberOf, scoreOf } from './workload.ts'

/** A board of penknife, and a function that ends its connection. */
export async function openOurs(
  url: string,
  options: LeaderboardOptions = {},
  { name = 'points', library = THIS_BUILD }: { readonly name?: string; readonly library?: Library } = {},
): Promise<{ readonly board: Leaderboard; close(): Promise<void> }> {
  const { connect, createLeaderboard } = await coreOf(library)
  const penknife = connect(pattern(url, library), { deadline: '30s' })
  const board = createLeaderboard(penknife.space('bench'), name, options)
  return { board, close: () => penknife.close() }
}

export function oursOf(layout: string, options: LeaderboardOptions = {}): Board {
  return {
    name: 'penknife',
    setup: 'default',
    layout,
    commands: ['evalsha', 'eval'],
    async open(url, library) {
      const { board, close } = await openOurs(url, options, { library })
      return { ...callsOf(board), close }
    },
  }
}

export function callsOf(board: Leaderboard): Omit<OpenBoard, 'close'> {
  return {
    load: (count) => eachOf(count, (at) => board.increment(memberOf(at), scoreOf(at))),
    increment: (member, by) => board.increment(member, by),
    async incrementAndRank(member, by) {
      const { score, rank } = await board.increment(member, by, { change: true })
      return rank === null ? Number.NaN : (score as number)
    },
    async rank(member) {
      const row = await board.rank(member)
      return row ? row.rank + row.score : Number.NaN
    },
    top: async (count) => sumOfRows(await board.top(count)),
    around: async (member, each) => sumOfRows((await board.around(member, each)) ?? []),
  }
}

/** The key of its sorted set, which has the scores with their sign changed. */
export const OUR_KEY = 'pk1:{bench}:board:points'

/** Highest first, ties by member, all-time: the defaults. */
export const ours: Board = oursOf('penknife')
