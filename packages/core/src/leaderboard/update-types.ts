export interface BoardUpdateOptions {
  /** Resolve with the change instead of the score: two ZRANK more. With a window's name, the change in that window. */
  readonly change?: boolean | string
}

export interface BoardIncrementOptions extends BoardUpdateOptions {
  /**
   * Names the increment, so that it counts once and can be undone, for the board's `remember`: 1 to 128 characters
   * without braces and control characters.
   */
  readonly id?: string
}

export interface BoardRemoveOptions {
  /**
   * Erase the name from what the board remembers of past increments. False: it stays there, counting nothing, until the last
   * increment made so far has left the rolling windows and `remember` is over. Default: true.
   */
  readonly erase?: boolean
}

/** One of the updates of a batch: a member, and one thing to do with its score. */
export type BoardUpdate =
  | { readonly member: string; readonly increment: number; readonly id?: string }
  | { readonly member: string; readonly set: number }
  | { readonly member: string; readonly best: number }

/** What an update did in one window. */
export interface BoardScoreChange {
  readonly member: string
  readonly window: string
  /** Null when the member was not on the board. */
  readonly previousScore: number | null
  /** Null when the member is not on it now: it fell off a bounded board, or its rolling sum is zero. */
  readonly score: number | null
  /** Ordinal, in the moment before the update. */
  readonly previousRank: number | null
  /** Ordinal, in the moment after it. */
  readonly rank: number | null
  /** False when nothing was counted: a best that was not better, or an increment whose id was seen before. */
  readonly applied: boolean
}
