/**
 * A change of rank that an update of this process made, or of the board's declaration. Ranks are ordinal, in the moments before and after it. What leaves a rolling window by time, a new period, a removal and
 * an undo are not told.
 */
export type BoardEvent =
  /** A member has another rank, its first one included. */
  | {
      readonly kind: 'rank'
      readonly board: string
      readonly window: string
      readonly member: string
      readonly previousRank: number | null
      readonly rank: number | null
    }
  /** `member` is behind `by` now, at `rank`, and was before it, or `by` was not on the board. */
  | {
      readonly kind: 'overtaken'
      readonly board: string
      readonly window: string
      readonly member: string
      readonly by: string
      readonly rank: number
    }
  /**
   * Another process declared the board in another way before, such as an older version of the application. Told once a
   * process, without `events` too. Each process goes by its own declaration.
   */
  | {
      readonly kind: 'redeclared'
      readonly board: string
      /** Such as `windows all, remember 3600000 ms`. */
      readonly before: string
      readonly now: string
    }
  /** A member came into the best `top`, or dropped out of them. */
  | {
      readonly kind: 'entered' | 'left'
      readonly board: string
      readonly window: string
      readonly member: string
      readonly top: number
    }
