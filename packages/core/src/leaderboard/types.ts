/** A row of a board. */
export interface Row {
  readonly member: string
  readonly score: number
  /** 1 is the highest score; equal scores rank by member, the later in byte order first. */
  readonly rank: number
}

export interface Leaderboard {
  readonly name: string
  /**
   * Adds to a member's score (default 1); resolves with the new score.
   *
   * Cost: one ZINCRBY, in a script call shared with the other increments of the same turn.
   */
  increment(member: string, by?: number): Promise<number>
  /** The rows from rank `from` (default 1) on, at most `count` (default 10, at most 1,000): one ZREVRANGE. */
  top(count?: number, from?: number): Promise<readonly Row[]>
  /** A member's row, or null when the board does not have it: ZREVRANK and ZSCORE. */
  rank(member: string): Promise<Row | null>
  /** The member's row with up to `each` (default 5, at most 500) rows before and after it, or null. */
  around(member: string, each?: number): Promise<readonly Row[] | null>
}
