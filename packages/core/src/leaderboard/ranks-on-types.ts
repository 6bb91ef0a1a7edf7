import type { BoardRankStyle } from './read-types.ts'

export interface RanksOnOptions {
  /** An all-time or calendar window that every board has. Default: the first of each board. */
  readonly window?: string | undefined
  /** How ranks are counted. Default: 'ordinal'. */
  readonly ranks?: BoardRankStyle | undefined
}
