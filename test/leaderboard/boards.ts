import {
  type ConnectOptions,
  createLeaderboard,
  type Leaderboard,
  type LeaderboardOptions,
} from '@penknife/core'

import { openReady } from '../support/connect.ts'
import { pattern } from '../support/redis.ts'

/** A board of its own connection. */
export async function boardAt(
  url: string,
  options: LeaderboardOptions = {},
  connecting: ConnectOptions = {},
): Promise<Leaderboard> {
  const penknife = await openReady(pattern(url), connecting)
  return createLeaderboard(penknife.space('shop'), 'points', options)
}

/** Puts members on a board with their scores, in the order given. */
export async function fill(board: Leaderboard, scores: Readonly<Record<string, number>>): Promise<void> {
  for (const [member, score] of Object.entries(scores)) await board.set(member, score)
}

/** Rows as short text: rank, member and score. */
export function shown(
  rows: readonly { rank: number; member: string; score: number }[] | null,
): string[] | null {
  return rows && rows.map(({ rank, member, score }) => `${rank} ${member} ${score}`)
}

/** All rows of a window, or of a former period of it, as short text. */
export async function all(board: Leaderboard, window: string, previous = 0): Promise<string[] | null> {
  return shown(await board.top(1000, 1, { window, previous }))
}

/** A moment as scripts count it. */
export const at = (text: string): number => Date.parse(text) * 1000
export const SECOND = 1_000_000
export const HOUR: number = 3600 * SECOND
