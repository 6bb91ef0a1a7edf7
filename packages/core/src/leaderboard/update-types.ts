import type { Effect } from '../record/effect.ts'
export interface BoardUpdateOptions {
  /** Resolve with the change instead of the score, which costs two ZRANK more. `true`: in the first window; or a window's name. */
  readonly change?: boolean | string | undefined
}

export interface BoardIncrementOptions extends BoardUpdateOptions {
  /**
   * Identifies the increment: it counts once and can be undone during the board's `dedup.window`. 1 to 128 characters
   * without braces and control characters.
   */
  readonly id?: string | undefined
}

export interface BoardEffectOptions {
  /**
   * An effect of a notifier, such as `news.publishing('ranking', {})`. If the change alters the ranking that the board's `events` name, the
   * event is published in the same step, and its data get the fields `member`, `previousRank`, `rank`, `entered` and `left` (members of the
   * best `top`, or null) and `overtaken` (a list). The data must be an object. It needs `events` of the board.
   */
  readonly announce?: Effect<string> | undefined
}

export interface BoardRemoveOptions {
  /**
   * Erase the member's name from the log of past increments. False: the name stays there, without any effect, until the
   * increments expire from the rolling windows and their ids from `dedup.window`. Default: true.
   */
  readonly erase?: boolean | undefined
}

/** Ordinal ranks from `from` (default 1) to `to` (default: the last), both included. */
export interface BoardPositionRange {
  readonly from?: number
  readonly to?: number
}

export interface BoardRemoveRangeOptions extends BoardRemoveOptions {
  /** The window whose ranks or scores count. Default: the first. */
  readonly window?: string | undefined
}

/** One update of a batch: a member, and one change of its score. */
export type BoardUpdate =
  | { readonly member: string; readonly increment: number; readonly id?: string | undefined }
  | { readonly member: string; readonly set: number }
  | { readonly member: string; readonly best: number }

/** The effect of an update in one window. */
export interface BoardScoreChange {
  readonly member: string
  readonly window: string
  /** Null when the member was not on the board. */
  readonly previousScore: number | null
  /** Null when the member is not on the board now: a board with `keep` dropped it, or its rolling sum is zero. */
  readonly score: number | null
  /** The ordinal rank directly before the update. */
  readonly previousRank: number | null
  /** The ordinal rank directly after the update. */
  readonly rank: number | null
  /** False when the update had no effect: a best that was not better, or an increment whose id was counted before. */
  readonly applied: boolean
}
