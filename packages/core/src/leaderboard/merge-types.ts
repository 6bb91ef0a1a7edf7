import type { Duration } from '../duration.ts'
import type { BoardReads } from './reading-types.ts'
import type { AnyLeaderboard } from './types.ts'

export interface BoardMergeOptions {
  /** 1 to 50 boards of the space, each once, with the same `order` and `decimals`. */
  readonly boards: readonly AnyLeaderboard[]
  /** The score of a member: the sum of its scores on the boards, or the best of them. */
  readonly how: 'sum' | 'best'
  /** How long a merged board is stored after its merge, '1s' to '366d'. */
  readonly expires: Duration
  /** An all-time or calendar window that every board has. Default: the first of each board. */
  readonly window?: string | undefined
  /** Which period of a calendar window, as in reads: 0 the current one, 1 the last one. Default: 0. */
  readonly previous?: number | undefined
  /** The order of members with equal scores, see `LeaderboardOptions`. Default: 'member'. */
  readonly ties?: 'member' | 'member-descending' | undefined
}

/** A merge that is complete. */
export interface BoardMerge {
  readonly members: number
  /** When it began: a score is not older than that. */
  readonly startedAt: Date
}

/** A board whose rows are those of several boards. Its rows have no data. */
export interface MergedLeaderboard extends Omit<BoardReads, 'data'> {
  readonly name: string
  /**
   * Reads all boards in bounded steps, then puts the result into the place of the last one. Until then reads give the last merge, and no
   * rows if there was none. A call joins a merge that is under way, also one of another process or of one that died within the last minute,
   * and ends with it.
   *
   * The score of a row is what the boards gave together at one moment after `startedAt`. A member that is on one and the same board
   * during the whole merge has a row. A score that would be too large is the largest one.
   *
   * Cost: for n boards one script call for each 500 / (n + 1) members, at most 100, one call after the other. A later call
   * repeats all of it.
   */
  merge(): Promise<BoardMerge>
}
