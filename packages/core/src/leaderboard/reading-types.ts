import type { Jsonified } from '../json.ts'
import type {
  BoardAroundOptions,
  BoardPercentileOptions,
  BoardRankOptions,
  BoardReadOptions,
  BoardRow,
  BoardScoreRange,
  BoardSubsetRow,
  BoardWindowChoice,
} from './read-types.ts'

/** The reads of a board, or of the final ranking of a season. */
export interface BoardReads<Data = unknown> {
  /** `count` rows (default 10, at most 1,000) from position `from` (default 1) on: the top, a page, or a range by rank. */
  top(count?: number, from?: number, options?: BoardReadOptions): Promise<readonly BoardRow<Data>[]>
  /** A member's row, or null when it is not on the board: ZRANK and ZSCORE. */
  rank(member: string, options?: BoardReadOptions): Promise<BoardRow<Data> | null>
  /**
   * The rows of up to 1,000 members, in the given order, with null for members that are not on the board. Each 50 of them
   * are read at one moment.
   */
  ranks(members: readonly string[], options?: BoardReadOptions): Promise<readonly (BoardRow<Data> | null)[]>
  /**
   * The rank that a further member with this score would have. In ordinal ranks it is behind all members with the same score,
   * as with first-come ties. The score may be any number, also one that the board would refuse. Cost: one ZCOUNT.
   */
  rankFor(score: number, options?: BoardRankOptions): Promise<number>
  /**
   * The member's row with up to `each` (default 5, at most 500) rows before and after it. Null when it is not on the board. With
   * `fill: true` the number of rows is the same near the ends of the board.
   */
  around(
    member: string,
    each?: number,
    options?: BoardAroundOptions,
  ): Promise<readonly BoardRow<Data>[] | null>
  /**
   * The rows with a score in the range, the best first: `count` rows (default 10, at most 1,000) from the `from`th of them
   * (default 1) on. Ranks are those on the whole board.
   */
  byScore(
    range: BoardScoreRange & { readonly count?: number | undefined; readonly from?: number | undefined },
    options?: BoardReadOptions,
  ): Promise<readonly BoardRow<Data>[]>
  /** The number of members, or of members with a score in the range: ZCARD or ZCOUNT. */
  count(range?: BoardScoreRange, options?: BoardWindowChoice): Promise<number>
  /**
   * The sum of all scores; 0 on an empty board. Up to 1,000 members are added up at one moment, by one script call. More are read
   * as by `export`, each member once, with its cost.
   */
  sum(options?: BoardWindowChoice): Promise<number>
  /**
   * The percentage of members whose score is not better than the member's, itself included. The best member has 100; the
   * worst of 200 has 0.5 (if no other has the same score). Not rounded. Null when the member is not on the board.
   *
   * With `interpolate: true`: the percentage of the other members whose score is worse. The worst has 0, an only member 100.
   */
  percentile(member: string, options?: BoardPercentileOptions): Promise<number | null>
  /**
   * The score at a percentile: the worst score such that at least `percent` (0 to 100) of the members have no better one
   * (nearest-rank method; 0 gives the worst score). Null on an empty board. `scoreAt(await percentile(m))` is the score of m.
   *
   * With `interpolate: true` it lies between the scores of two members, such as the median of an even number of members.
   */
  scoreAt(percent: number, options?: BoardPercentileOptions): Promise<number | null>
  /**
   * A ranking among up to 1,000 given members, such as friends: those on the board, the best first, with their place among
   * each other and their rank on the whole board. Each 50 of them are read at one moment.
   */
  among(members: readonly string[], options?: BoardReadOptions): Promise<readonly BoardSubsetRow<Data>[]>
  /**
   * All members with their scores, in no order, read in bounded steps while the board is in use. A member that is on the
   * board during the whole export is returned exactly once, with a score that it had during the export. A member that was
   * added or removed meanwhile is returned at most once. An export of a calendar window stays in the period it began in.
   *
   * Cost: a ZSCAN for about 100 members. This process keeps the returned names until the end, about 100 bytes each.
   */
  export(
    options?: BoardWindowChoice,
  ): AsyncIterableIterator<{ readonly member: string; readonly score: number }>
  /** The data of a member, which need not be on the board; null when there are none. */
  data(member: string): Promise<Jsonified<Data> | null>
}
