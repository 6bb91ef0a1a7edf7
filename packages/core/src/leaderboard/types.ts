import type { Effect } from '../record/effect.ts'
import type { BoardEvent } from './event-types.ts'
import type { BoardReads } from './reading-types.ts'
import type { BoardSeasons } from './season-types.ts'
import type { BoardScoreRange } from './read-types.ts'
import type {
  BoardPositionRange,
  BoardRemoveOptions,
  BoardRemoveRangeOptions,
  BoardUpdate,
  BoardUpdateOptions,
  BoardEffectOptions,
  BoardIncrementOptions,
  BoardScoreChange,
} from './update-types.ts'

/**
 * A leaderboard: members with scores.
 *
 * A read is about one window: the first, unless its options name another. Periods follow the clock of Redis. A read never
 * returns stale scores: it first removes expired increments from a rolling window, at most 32 entries in a script call.
 * Updates made in the same tick share script calls, and so do reads of one kind. Updates and reads may overtake each other.
 *
 * Members are 1 to 256 characters without braces and control characters below U+0080. They are returned unchanged, so
 * escape names that users chose before you show them.
 *
 * @throws each method: PENKNIFE_INVALID for a wrong argument, before anything is sent; PENKNIFE_REJECTED when an
 * update would leave the range of scores.
 */
export interface Leaderboard<Data = unknown> extends BoardReads<Data>, BoardSeasons<Data> {
  readonly name: string
  /** The names of the windows, in order. Methods use the first unless their options name another. */
  readonly windows: readonly string[]
  /** Scores are from -maxScore to maxScore. Infinity where scores are doubles (no `decimals`). */
  readonly maxScore: number
  /** Whether reads may use `ranks: 'dense'`. */
  readonly denseRanks: boolean

  /**
   * Adds to a member's score (default 1) in every window. Resolves with its new score in the first window. A new member
   * starts at 0, so an increment of 0 puts it on the board (but not on a rolling window). A repetition with a stored id
   * adds nothing, and resolves with the current score.
   *
   * Cost on a board with one all-time window and no other option: one ZINCRBY, in a script call shared by the whole tick.
   */
  increment(
    member: string,
    by?: number,
    options?: BoardIncrementOptions & { readonly change?: false | undefined },
  ): Promise<number>
  increment(
    member: string,
    by: number,
    options: BoardIncrementOptions & { readonly change: true | string },
  ): Promise<BoardScoreChange>
  /** Sets a member's score in every window, and resolves with it. Refused on boards with a rolling window. */
  set(
    member: string,
    score: number,
    options?: BoardUpdateOptions & { readonly change?: false | undefined },
  ): Promise<number>
  set(
    member: string,
    score: number,
    options: BoardUpdateOptions & { readonly change: true | string },
  ): Promise<BoardScoreChange>
  /**
   * Sets a member's score in each window where it is better: higher on a descending board, lower on an ascending one.
   * Resolves with the member's best score in the first window, also when a board with `keep` dropped it. Refused on boards
   * with a rolling window.
   */
  best(
    member: string,
    score: number,
    options?: BoardUpdateOptions & { readonly change?: false | undefined },
  ): Promise<number>
  best(
    member: string,
    score: number,
    options: BoardUpdateOptions & { readonly change: true | string },
  ): Promise<BoardScoreChange>
  /**
   * Makes several updates in one atomic step, in order: all of them, or none when one is refused. The number of updates
   * times the number of windows is at most 100. Resolves with the result of each update.
   */
  update(
    updates: readonly BoardUpdate[],
    options?: BoardUpdateOptions & { readonly change?: false | undefined },
  ): Promise<readonly number[]>
  update(
    updates: readonly BoardUpdate[],
    options: BoardUpdateOptions & { readonly change: true | string },
  ): Promise<readonly BoardScoreChange[]>
  /** The effect of an increment, for `record` and `commit`. Its result is the member's new score in the first window. */
  incrementing(
    member: string,
    by?: number,
    options?: BoardEffectOptions & Pick<BoardIncrementOptions, 'id'>,
  ): Effect<number>
  /** The effect of `set`. */
  setting(member: string, score: number, options?: BoardEffectOptions): Effect<number>
  /** The effect of `best`. */
  improving(member: string, score: number, options?: BoardEffectOptions): Effect<number>
  /**
   * Undoes the increment with this id in every window that still counts it: in the calendar period of its time, and in
   * rolling windows where it has not expired. The member stays on the board (on a rolling window unless its sum is zero).
   * Resolves with false, and changes nothing, when there is nothing to undo: the id is not stored any more or was undone before, the
   * member was removed since, no window counts the increment any more, or it was 0. An undone id stays used.
   */
  undo(id: string): Promise<boolean>
  /**
   * Removes a member and its data from every window, past periods included (and the next period, which exists after Redis'
   * clock was set back). Resolves with whether the member was in the current period of any window. The stored ids of its
   * increments stay used, and the increments cannot be undone any more.
   *
   * When it resolves, no key of the board contains the member's name, unless your ids contain it. When it fails with fate
   * `unknown`, call it again until it resolves.
   *
   * Cost: one script call. Unless `erase` is false, one more for each 256 log entries of rolling windows and 128 stored ids.
   */
  remove(member: string, options?: BoardRemoveOptions): Promise<boolean>
  /**
   * Removes the members with a rank or a score in a range from every window, as `remove` does. `{ from: 1001 }` keeps the best 1,000.
   * Resolves with how many it removed. It works in steps of at most 50 members, and each step takes those that are in the range at that
   * moment. Cost: one script call a step, and unless `erase` is false that of erasing each name.
   */
  removeRange(range: BoardPositionRange | BoardScoreRange, options?: BoardRemoveRangeOptions): Promise<number>

  /**
   * Stores data of a member: any JSON value of at most 4 KiB; null deletes it. The data stay until the member is removed,
   * or a board with `keep` dropped it from every window.
   */
  describe(member: string, data: Data | null): Promise<void>

  /**
   * Adds a listener; the returned function removes it. On a board with `events` it gets the changes of rank made by updates
   * of this process, when the update resolves. An update emits at most one `rank` event, one `entered`, one `left` and
   * `events.overtaken` of `overtaken`.
   *
   * Ranks are compared only while there is a listener, here or on the node:diagnostics_channel 'penknife:leaderboard'.
   */
  on(listener: (event: BoardEvent) => void): () => void
}

/** Any board made by `createLeaderboard`, whatever the data of its members are. */
export type AnyLeaderboard = Pick<Leaderboard, 'name' | 'windows' | 'maxScore' | 'denseRanks'>
