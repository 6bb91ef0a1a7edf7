import type { Duration } from '../duration.ts'
import type { Effect } from '../record/effect.ts'
import type { BoardRankStyle, BoardRow } from './read-types.ts'
import type { BoardReads } from './reading-types.ts'

export interface BoardSeasonOptions {
  /** The all-time or calendar window that the season is about. Default: the first. */
  readonly window?: string | undefined
  /** The period of a calendar window: 0 is the current one, 1 the previous one, up to the window's `previous`. Default: 0. */
  readonly previous?: number | undefined
  /** How long the ranking is stored, up to ten years. Default: until it is deleted. */
  readonly keepFor?: Duration | undefined
  /** Store the members' data with the ranking. Default: true. */
  readonly data?: boolean | undefined
}

export interface BoardSeasonInfo {
  readonly id: string
  readonly window: string
  readonly endedAt: Date
  /** How many members the final ranking had. */
  readonly members: number
}

export interface BoardSeasonEnd extends BoardSeasonInfo {
  /** The season had ended before this call, which changed nothing. */
  readonly repeated: boolean
}

/** Ranks from `from` (default 1) to `to`, both included. Give it what the members in it get. */
export interface BoardRewardBand {
  readonly from?: number | undefined
  readonly to: number
}

export interface BoardRewards<Data, Band extends BoardRewardBand> {
  /** Each name gives its rewards once in a season. Default: 'rewards'. */
  readonly name?: string | undefined
  /** 1 to 100 bands. A member is in the first one that has its rank. */
  readonly bands: readonly Band[]
  /** How ranks are counted. Default: 'ordinal'. */
  readonly ranks?: BoardRankStyle | undefined
  /** Read the members' data. Default: false. */
  readonly data?: boolean | undefined
  /** Returns what a member gets: effects of objects in the same space, at most 40, or null for nothing. It must not change its mind. */
  readonly give: (row: BoardRow<Data>, band: Band) => Effect | readonly Effect[] | null
}

/**
 * The final ranking of a season. Nothing changes it, except `delete`.
 *
 * Its reads are those of the board, with the same options except `window` and `previous`.
 */
export interface BoardSeason<Data = unknown> extends BoardReads<Data> {
  readonly id: string
  /** Null when the season has not ended, or was deleted. */
  info(): Promise<BoardSeasonInfo | null>
  /**
   * Gives rewards by rank, each exactly once: the effects of a step and the position that it reached are one `record`. Resolves with
   * how many members got something by this call. If it fails, or its process dies, call it again with the same arguments, in any
   * process: it goes on where it stopped.
   *
   * Cost: a read for each 100 members and a `record` for about 40 effects.
   *
   * @throws PENKNIFE_REJECTED when the season has not ended, or an effect is refused, such as by a full stream. The rewards before that
   * are given; call it again.
   */
  reward<Band extends BoardRewardBand>(rewards: BoardRewards<Data, Band>): Promise<number>
  /** Deletes the ranking with its data. Resolves with whether there was one. The id can then be used again. */
  delete(): Promise<boolean>
}

/** The seasons of a board. */
export interface BoardSeasons<Data = unknown> {
  /**
   * Ends a season: the members and scores of a window become a final ranking, which nothing changes any more, and the window is empty. Both
   * in one step, so every update counts in the season or in the next one. A season ends once: a call with an id that was used resolves with
   * what is known of it, and changes nothing. So a call of unknown fate can be repeated.
   *
   * A previous period becomes a ranking too, and is then no longer readable as `previous`. Refused for rolling windows. Increments that
   * the season counted cannot be undone in its window any more. `remove` does not change a final ranking.
   *
   * The members' data are copied after the end of the season: what is stored at that time. If this process dies meanwhile, call it again.
   *
   * Cost: one script call, whatever the number of members; with `data` one more for each 100 members, if the board has data.
   *
   * @param id 1 to 64 of the characters A-Z a-z 0-9 _ . -
   */
  endSeason(id: string, options?: BoardSeasonOptions): Promise<BoardSeasonEnd>
  /** The final ranking of a season. Sends nothing. */
  season(id: string): BoardSeason<Data>
  /** The seasons that ended and were not deleted, the latest first. At most 10,000. */
  seasons(): Promise<readonly BoardSeasonInfo[]>
  /**
   * Removes all members of the board, their data and the ids of increments; or with `window` only the members of that window. Previous
   * periods are removed too. Final rankings stay. Cost: one script call.
   *
   * @throws PENKNIFE_INVALID for an unknown window, also undefined.
   */
  clear(options?: { readonly window?: string }): Promise<void>
  /** Deletes all keys of the board: seasons too, and its declaration. A board that is used again afterwards is a new one. */
  delete(): Promise<void>
  /**
   * Sets when the all-time window and the members' data expire; null: never. Other windows expire by themselves. Resolves with false
   * when there is nothing to expire yet: what is stored later does not expire. Cost: one script call.
   */
  expireAt(time: Date | null): Promise<boolean>
}
