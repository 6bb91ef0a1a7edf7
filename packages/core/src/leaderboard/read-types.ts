import type { Jsonified } from '../json.ts'

/**
 * How ranks are counted. With the scores 9, 7, 7, 5:
 *
 * - `ordinal`: 1 2 3 4, by position. Equal scores are ordered by the board's `ties`.
 * - `competition`: 1 2 2 4. Equal scores share the best of their positions.
 * - `dense`: 1 2 2 3. Equal scores share a rank, and no rank is left out. Only on boards with `denseRanks: true`.
 */
export type BoardRankStyle = 'ordinal' | 'competition' | 'dense'

/** A row of a board. */
export interface BoardRow<Data = unknown> {
  readonly member: string
  readonly score: number
  /** 1 is the best, counted in the style of the read's `ranks`. */
  readonly rank: number
  /** The data stored by `describe`, or null. Only with `data: true`. */
  readonly data?: Jsonified<Data> | null
}

/** A row of `among`. */
export interface BoardSubsetRow<Data = unknown> extends BoardRow<Data> {
  /** The rank among the given members, in the same style. */
  readonly place: number
}

/** The window and period of a read. */
export interface BoardWindowChoice {
  /** A window of the board. Default: the first. */
  readonly window?: string | undefined
  /** For a calendar window: 0 is the current period, 1 the previous one, up to the window's `previous`. Default: 0. */
  readonly previous?: number | undefined
}

export interface BoardReadOptions extends BoardWindowChoice {
  /** How ranks are counted. Styles other than 'ordinal' cost one ZCOUNT more. Default: 'ordinal'. */
  readonly ranks?: BoardRankStyle | undefined
  /** Return the members' data with the rows: one HMGET more, and at most 200 rows. Default: false. */
  readonly data?: boolean | undefined
}

/** Scores from `min` to `max`, both included, or between `above` and `below`, both excluded, whatever the board's order. Default: all. */
export interface BoardScoreRange {
  readonly min?: number
  readonly max?: number
  /** Only higher scores. Not with `min`. */
  readonly above?: number
  /** Only lower scores. Not with `max`. */
  readonly below?: number
}

export interface BoardAroundOptions extends BoardReadOptions {
  /**
   * Return `2 * each + 1` rows also near the ends of the board, if it has so many: where one side has fewer than `each`, the
   * other has more. Default: false.
   */
  readonly fill?: boolean | undefined
}

export interface BoardPercentileOptions extends BoardWindowChoice {
  /**
   * Interpolate between the worst member (0) and the best (100), as `PERCENTRANK.INC` and `PERCENTILE.INC` of spreadsheets do.
   * Default: false.
   */
  readonly interpolate?: boolean | undefined
}

/** The window and style of a rank. */
export interface BoardRankOptions extends BoardWindowChoice {
  /** As of a read. Default: 'ordinal'. */
  readonly ranks?: BoardRankStyle | undefined
}
