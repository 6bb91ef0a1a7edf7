import { createLeaderboard, type Leaderboard, type Penknife } from '@penknife/core'

import { SPACE } from './plan.ts'

/** How many rows a view shows. */
export const TOP = 5

/** Its score has the number of the board's state, and is the best. */
const CLOCK = 'clock'
const CLOCK_FROM = 1_000_000
const MEMBERS = ['a', 'b', 'c', 'd', 'e', 'f', 'g']

interface Scored {
  readonly member: string
  readonly score: number
}

/** A board whose state is known from its number alone. Scores only rise, so `best` makes a late repetition harmless. */
export function openBoard(penknife: Penknife): Leaderboard {
  return createLeaderboard(penknife.space(SPACE), 'points', { live: true })
}

/** The scores in a state. From one state to the next only some members change, and their order with them. */
export function scoresOf(n: number): readonly Scored[] {
  const others = MEMBERS.map((member, at) => ({
    member,
    score: 10 * Math.floor((n + 3 * at) / MEMBERS.length) + (at % 3),
  }))
  return [{ member: CLOCK, score: CLOCK_FROM + n }, ...others]
}

/** The number of the state that has these rows at its top: 0 for an empty board, undefined if no state has. */
export function stateOf(rows: readonly Scored[]): number | undefined {
  if (rows.length === 0) return 0
  const n = (rows[0] as Scored).score - CLOCK_FROM
  return JSON.stringify(rows) === JSON.stringify(topOf(n)) ? n : undefined
}

function topOf(n: number): readonly object[] {
  return [...scoresOf(n)]
    .toSorted((a, b) => b.score - a.score || (a.member < b.member ? -1 : 1))
    .slice(0, TOP)
    .map(({ member, score }, at) => ({ member, score, rank: at + 1 }))
}
