/**
 * A change of rank made by an update of this process, or a change of the board's declaration. Ranks are ordinal, directly
 * before and after the update. Not reported: increments that expire from a rolling window, a new period, a removal, an undo.
 */
export type BoardEvent =
  /** A member has a new rank. Its first rank counts too. */
  | {
      readonly kind: 'rank'
      readonly space: string
      readonly name: string
      readonly window: string
      readonly member: string
      readonly previousRank: number | null
      readonly rank: number | null
    }
  /** `by` overtook `member`, which now has `rank`: `by` was behind it, or was not on the board. */
  | {
      readonly kind: 'overtaken'
      readonly space: string
      readonly name: string
      readonly window: string
      readonly member: string
      readonly by: string
      readonly rank: number
    }
  /**
   * Another process declared the board differently before, such as an older version of the application. Reported once by
   * each process, also without `events`. Each process uses its own declaration.
   */
  | {
      readonly kind: 'redeclared'
      readonly space: string
      readonly name: string
      /** Such as `windows all, dedup window 3600000 ms`. */
      readonly before: string
      readonly now: string
    }
  /** A member entered the best `top` members, or left them. */
  | {
      readonly kind: 'entered' | 'left'
      readonly space: string
      readonly name: string
      readonly window: string
      readonly member: string
      readonly top: number
    }
