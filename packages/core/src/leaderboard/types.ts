import type { BoardEvent } from './event-types.ts'
import type {
  BoardReadOptions,
  BoardRow,
  BoardScoreRange,
  BoardSubsetRow,
  BoardWindowChoice,
} from './read-types.ts'
import type {
  BoardRemoveOptions,
  BoardUpdate,
  BoardUpdateOptions,
  BoardIncrementOptions,
  BoardScoreChange,
} from './update-types.ts'

/**
 * A board of members and their scores.
 *
 * Everything below means one window, the first unless told otherwise, and its calendar period or the last hours as
 * Redis' clock has it. A read never answers stale: what has to leave a rolling window is taken first, in bounded steps (at
 * most 32 entries in a script call), by the read itself if no update did it. Updates of one turn share script calls,
 * and so do reads of one kind; the two may overtake each other.
 *
 * Members are 1 to 256 characters without braces and control characters below U+0080. They come back as they were given:
 * show those that users named by `printable`.
 *
 * @throws each method: PENKNIFE_INVALID for a wrong argument, before anything is sent; PENKNIFE_REJECTED when an
 * update leaves the range of scores.
 */
export interface Leaderboard<Data = unknown> {
  readonly name: string
  /** Windows in their order; methods mean the first unless told otherwise. */
  readonly windows: readonly string[]
  /** The largest score, up and down, of a board that keeps whole units (`decimals`); infinite where scores are doubles. */
  readonly maxScore: number
  /** Whether it keeps what dense ranks need. */
  readonly denseRanks: boolean

  /**
   * Adds to a member's score (default 1) in every window; resolves with its new score in the first window. A member that
   * is not there begins at 0, so an increment of 0 puts it on the board (not on a rolling one). Repeated under an
   * id that is remembered it adds nothing, and resolves with the score as it is then.
   *
   * Cost on a board with nothing but one all-time window: one ZINCRBY, in a script call shared with the others of the same turn.
   */
  increment(
    member: string,
    by?: number,
    options?: BoardIncrementOptions & { readonly change?: false },
  ): Promise<number>
  increment(
    member: string,
    by: number,
    options: BoardIncrementOptions & { readonly change: true | string },
  ): Promise<BoardScoreChange>
  /** Sets a member's score in every window; resolves with it. Refused on boards with a rolling window. */
  set(
    member: string,
    score: number,
    options?: BoardUpdateOptions & { readonly change?: false },
  ): Promise<number>
  set(
    member: string,
    score: number,
    options: BoardUpdateOptions & { readonly change: true | string },
  ): Promise<BoardScoreChange>
  /**
   * Sets a member's score, in every window on its own, if it is better there: higher on a descending board, lower on an
   * ascending one. Resolves with the member's best in the first window, also when a bounded board did not keep it. Refused on boards with a rolling window.
   */
  best(
    member: string,
    score: number,
    options?: BoardUpdateOptions & { readonly change?: false },
  ): Promise<number>
  best(
    member: string,
    score: number,
    options: BoardUpdateOptions & { readonly change: true | string },
  ): Promise<BoardScoreChange>
  /**
   * Makes 1 to 100 updates, times windows at most 100, in one step that nobody sees half done, in their order: all or, when one
   * is refused, none. Resolves with what each would have resolved with alone.
   */
  update(
    updates: readonly BoardUpdate[],
    options?: BoardUpdateOptions & { readonly change?: false },
  ): Promise<readonly number[]>
  update(
    updates: readonly BoardUpdate[],
    options: BoardUpdateOptions & { readonly change: true | string },
  ): Promise<readonly BoardScoreChange[]>
  /**
   * Takes back what the increment with this id added, in every window that still counts it: from the calendar period
   * it was made in, from the rolling windows it has not left. The member stays, on a rolling window unless its sum is
   * zero. Resolves with false, having done nothing, when the id is not remembered, was undone before, or
   * the member was removed since. An undone id stays used.
   */
  undo(id: string): Promise<boolean>
  /**
   * Takes a member off every window, previous periods included (and the next one, which is there when Redis' clock was set
   * back), with its data. Resolves with whether it was on the present one of any window. Its increments that are
   * remembered still count once, and cannot be undone any more.
   *
   * When it resolves no key of the board has the member's name (its ids are the application's: keep names out of them). When
   * it fails with fate `unknown`, call it again until it resolves.
   *
   * Cost: one script call; one more for each 256 entries in the logs of rolling windows and 128 remembered ids, unless `erase`
   * is false.
   */
  remove(member: string, options?: BoardRemoveOptions): Promise<boolean>

  /** The rows from position `from` (default 1) on, at most `count` (default 10, at most 1,000): top, page and range by rank. */
  top(count?: number, from?: number, options?: BoardReadOptions): Promise<readonly BoardRow<Data>[]>
  /** A member's row, or null when the board does not have it: ZRANK and ZSCORE. */
  rank(member: string, options?: BoardReadOptions): Promise<BoardRow<Data> | null>
  /**
   * The rows of up to 1,000 members, in the order asked for, null for each that the board does not have. Each 50 are read
   * in one moment.
   */
  ranks(members: readonly string[], options?: BoardReadOptions): Promise<readonly (BoardRow<Data> | null)[]>
  /** The member's row with up to `each` (default 5, at most 500) rows before and after it, or null. */
  around(member: string, each?: number, options?: BoardReadOptions): Promise<readonly BoardRow<Data>[] | null>
  /**
   * The rows with a score in the range, the best first, at most `count` (default 10, at most 1,000) from the `from`th of
   * them (default 1) on. Ranks are those on the whole board.
   */
  byScore(
    range: BoardScoreRange & { readonly count?: number; readonly from?: number },
    options?: BoardReadOptions,
  ): Promise<readonly BoardRow<Data>[]>
  /** How many members the board has, or has with a score in the range: ZCARD or ZCOUNT. */
  count(range?: BoardScoreRange, options?: BoardWindowChoice): Promise<number>
  /**
   * How many of all members, in percent, have a score that is no better than the member's, itself included: the best
   * has 100, of 200 members the worst (if alone) 0.5. Null when the board does not have it. Unrounded.
   */
  percentile(member: string, options?: BoardWindowChoice): Promise<number | null>
  /**
   * The worst score for which at least `percent` (0 to 100) of the members have no better one (the nearest-rank method; 0 gives the worst
   * score). Null on an empty board. `scoreAt(await percentile(m))` is the score of m.
   */
  scoreAt(percent: number, options?: BoardWindowChoice): Promise<number | null>
  /**
   * Of up to 1,000 members (friends), those on the board, the best first, with their place among themselves and their rank
   * on the whole board. Each 50 are read in one moment.
   */
  among(members: readonly string[], options?: BoardReadOptions): Promise<readonly BoardSubsetRow<Data>[]>
  /**
   * Every member with its score, in no order, in bounded steps while the board is in use. A member that is there
   * throughout comes exactly once, with a score that it had during the export; one that came, left or came back meanwhile at most once.
   * A calendar window's export stays with the period it began in.
   *
   * Cost: a ZSCAN for about 100 members. The names given out are remembered until the end, about 100 bytes each.
   */
  export(
    options?: BoardWindowChoice,
  ): AsyncIterableIterator<{ readonly member: string; readonly score: number }>

  /**
   * Keeps data of a member: anything JSON can carry, at most 4 KiB; null forgets it. It stays until the
   * member is removed, or fell off every window of a bounded board.
   */
  describe(member: string, data: Data | null): Promise<void>

  /**
   * Hears changes of rank that this process' updates make; the function that comes back takes the listener off. The
   * board must have `events`. They are looked for only while someone listens, here or on the
   * node:diagnostics_channel 'penknife:leaderboard', and are told when the update resolves. Bounded: for an update one `rank`, two of
   * `entered` and `left`, and `events.overtaken` of `overtaken`.
   */
  on(listener: (event: BoardEvent) => void): () => void
}
