import type { Jsonified } from '../json.ts'

/**
 * What a rank counts. With scores 9, 7, 7, 5, the best first:
 *
 * - `ordinal`: positions, 1 2 3 4. Equals are ordered by the board's `ties`.
 * - `competition`: equals share the first of their positions, 1 2 2 4.
 * - `dense`: equals share a rank and none is left out, 1 2 2 3. Only where the board says `denseRanks: true`.
 */
export type BoardRankStyle = 'ordinal' | 'competition' | 'dense'

/** A row of a board. */
export interface BoardRow<Data = unknown> {
  readonly member: string
  readonly score: number
  /** 1 is the best, counted in the style asked for. */
  readonly rank: number
  /** What `describe` kept of the member, null when nothing; only there when asked for. */
  readonly data?: Jsonified<Data> | null
}

/** A row of a subset. */
export interface BoardSubsetRow<Data = unknown> extends BoardRow<Data> {
  /** The rank among the members asked for, in the same style. */
  readonly place: number
}

/** What a read is of. */
export interface BoardWindowChoice {
  /** A window of the board. Default: the first. */
  readonly window?: string
  /** For a calendar window: 0 is the present period, 1 the one before, up to the window's `previous`. Default: 0. */
  readonly previous?: number
}

export interface BoardReadOptions extends BoardWindowChoice {
  /** Default: 'ordinal'. The other styles cost one ZCOUNT more. */
  readonly ranks?: BoardRankStyle
  /** Also give the members' data: one HMGET more; at most 200 rows. Default: false. */
  readonly data?: boolean
}

/** Scores from `min` to `max`, both included, whatever the order. Default: all. */
export interface BoardScoreRange {
  readonly min?: number
  readonly max?: number
}
