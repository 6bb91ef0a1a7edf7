import type { CalendarUnit } from '../calendar.ts'
import type { Duration } from '../duration.ts'
import type { Jsonified } from '../json.ts'

/**
 * What a rank counts. With scores 9, 7, 7, 5, the best first:
 *
 * - `ordinal`: positions, 1 2 3 4. Equals are ordered by the board's `ties`.
 * - `competition`: equals share the first of their positions, 1 2 2 4.
 * - `dense`: equals share a rank and none is left out, 1 2 2 3. Only where the board says `denseRanks: true`.
 */
export type RankStyle = 'ordinal' | 'competition' | 'dense'

/** An hour, day, ISO week (from Monday) or month of a time zone, across its daylight-saving changes. */
export interface CalendarWindow {
  readonly calendar: CalendarUnit
  /** An IANA name such as 'Europe/Berlin'. Default: 'UTC'. */
  readonly timeZone?: string
  /**
   * Periods before the present one that stay readable, 0 to 100. Default: 1. A period's keys expire by themselves
   * when it ended and as many further periods ended after it.
   */
  readonly previous?: number
}

/**
 * The time just past, such as the last 24 hours. It counts increments only, in whole units of the board's `decimals`.
 *
 * A member's score is the sum of its increments that are in the window, and it is on the window's board while that
 * is not zero. The sums are kept, so a read costs what a plain one costs when nothing has to leave.
 */
export interface RollingWindow {
  /** How long an increment counts: '1s' to '366d'. */
  readonly last: Duration
  /**
   * How much sooner than `last` an increment may leave the window; never later. Increments of one member within this
   * time are kept as one entry that leaves when the first of them is due: less memory where members are incremented
   * often. Each member's entries begin with its own increments, so that not all leave at once. At most `last / 2`.
   *
   * Default: 0, exact to the event: each increment leaves precisely `last` after it was made, at about 31 bytes an
   * increment.
   */
  readonly tolerance?: Duration
}

/** One way to add up a board's updates. */
export type BoardWindow = 'all-time' | CalendarWindow | RollingWindow

/**
 * Equal scores are ordered by who reached the score first.
 *
 * The time is kept in the low digits of the score that Redis sorts by, so scores must be whole numbers from
 * -`maxScore` to `maxScore` (a property of the board): 2^53 divided by the number of `unit`s from `since` to `until`,
 * rounded up to a power of two; less one. An update that would leave that range, or that is made before `since` or
 * after `until`, is refused and changes nothing. One second over ten years leaves scores up to 16,777,215; a minute
 * over a year, up to 8,589,934,591.
 *
 * Two that reach a score within the same `unit` are ordered by member. A member that leaves a score and comes back to
 * it reached it when it came back; an update that changes nothing keeps the time.
 */
export interface FirstComeTies {
  /** How exactly time is told, from 1 ms. Default: '1s'. */
  readonly unit?: Duration
  /** The first moment that counts, such as '2026-01-01T00:00:00Z'. The same for all who use the board, for ever. */
  readonly since: Date | string
  /** The last moment that counts. The same for all who use the board, for ever. */
  readonly until: Date | string
}

export interface BoardEventOptions {
  /** The window whose ranks are watched. Default: the first. */
  readonly window?: string
  /** Tell who enters and who leaves the best so many, 0 to 1,000. Default: 0, nobody. */
  readonly top?: number
  /** Tell of at most so many members that an update passed, the best of them, 0 to 100. Default: 0. */
  readonly overtaken?: number
}

export interface LeaderboardOptions {
  /** `descending`: the highest score is the best, rank 1. `ascending`: the lowest. Default: 'descending'. */
  readonly order?: 'descending' | 'ascending'
  /**
   * The windows by name, 1 to 8 of them. Every update goes to all of them in one script. The first is the one that
   * methods mean unless told otherwise. Default: `{ all: 'all-time' }`.
   */
  readonly windows?: Readonly<Record<string, BoardWindow>>
  /**
   * Who comes first of equal scores: `member`, in ascending byte order (UTF-8), with scores of a double's full range,
   * or who reached it first. Default: 'member'.
   */
  readonly ties?: 'member' | FirstComeTies
  /**
   * Keep what dense ranks need: a second sorted set of the different scores, for each window. An update then takes Redis
   * three to four times as long. Default: false.
   */
  readonly denseRanks?: boolean
  /**
   * Keep only the best so many members in each window, 1 to 10,000,000. Such a board takes `set` and `best`, and refuses
   * increments (a member that fell off would begin at 0 again) and rolling windows. A member that falls off is gone:
   * it does not come back when others are removed. Default: all members.
   */
  readonly keep?: number
  /**
   * Keep scores as whole numbers of so many digits after the point, 0 to 9, so that sums are exact and what leaves a rolling
   * window leaves nothing behind: a score with more digits is refused, and one beyond `maxScore`, 2^53 - 1 of its last
   * digit (less with first-come ties). Default: 0 with a rolling window or first-come ties, else doubles.
   */
  readonly decimals?: number
  /**
   * How long the ids of increments are remembered, '1s' to '366d': so long an increment with an id counts once, however
   * often it is sent, and can be undone. About 200 bytes an increment with an id. Default: ids are refused.
   */
  readonly remember?: Duration
  /** Tell of changes of rank, see `Leaderboard.on`. Default: none are looked for, and updates cost nothing more. */
  readonly events?: BoardEventOptions
}

/** A row of a board. */
export interface Row<Data = unknown> {
  readonly member: string
  readonly score: number
  /** 1 is the best, counted in the style asked for. */
  readonly rank: number
  /** What `describe` kept of the member, null when nothing; only there when asked for. */
  readonly data?: Jsonified<Data> | null
}

/** A row of a subset. */
export interface SubsetRow<Data = unknown> extends Row<Data> {
  /** The rank among the members asked for, in the same style. */
  readonly place: number
}

/** What a read is of. */
export interface WindowChoice {
  /** A window of the board. Default: the first. */
  readonly window?: string
  /** For a calendar window: 0 is the present period, 1 the one before, up to the window's `previous`. Default: 0. */
  readonly previous?: number
}

export interface BoardReadOptions extends WindowChoice {
  /** Default: 'ordinal'. The other styles cost one ZCOUNT more. */
  readonly ranks?: RankStyle
  /** Also give the members' data: one HMGET more; at most 200 rows. Default: false. */
  readonly data?: boolean
}

/** Scores from `min` to `max`, both included, whatever the order. Default: all. */
export interface ScoreRange {
  readonly min?: number
  readonly max?: number
}

export interface BoardUpdateOptions {
  /** Resolve with the change instead of the score: two ZRANK more. With a window's name, the change in that window. */
  readonly change?: boolean | string
}

export interface IncrementOptions extends BoardUpdateOptions {
  /**
   * Names the increment, so that it counts once and can be undone, for the board's `remember`: 1 to 128 characters
   * without braces and control characters.
   */
  readonly id?: string
}

export interface BoardRemoveOptions {
  /**
   * Erase the name from what the board remembers of past increments. False: it stays there, counting nothing, until the last
   * increment made so far has left the rolling windows and `remember` is over. Default: true.
   */
  readonly erase?: boolean
}

/** One of the updates of a batch: a member, and one thing to do with its score. */
export type BoardUpdate =
  | { readonly member: string; readonly increment: number; readonly id?: string }
  | { readonly member: string; readonly set: number }
  | { readonly member: string; readonly best: number }

/** What an update did in one window. */
export interface ScoreChange {
  readonly member: string
  readonly window: string
  /** Null when the member was not on the board. */
  readonly previousScore: number | null
  /** Null when the member is not on it now: it fell off a bounded board, or its rolling sum is zero. */
  readonly score: number | null
  /** Ordinal, in the moment before the update. */
  readonly previousRank: number | null
  /** Ordinal, in the moment after it. */
  readonly rank: number | null
  /** False when nothing was counted: a best that was not better, or an increment whose id was seen before. */
  readonly applied: boolean
}

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
    options?: IncrementOptions & { readonly change?: false },
  ): Promise<number>
  increment(
    member: string,
    by: number,
    options: IncrementOptions & { readonly change: true | string },
  ): Promise<ScoreChange>
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
  ): Promise<ScoreChange>
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
  ): Promise<ScoreChange>
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
  ): Promise<readonly ScoreChange[]>
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
  top(count?: number, from?: number, options?: BoardReadOptions): Promise<readonly Row<Data>[]>
  /** A member's row, or null when the board does not have it: ZRANK and ZSCORE. */
  rank(member: string, options?: BoardReadOptions): Promise<Row<Data> | null>
  /**
   * The rows of up to 1,000 members, in the order asked for, null for each that the board does not have. Each 50 are read
   * in one moment.
   */
  ranks(members: readonly string[], options?: BoardReadOptions): Promise<readonly (Row<Data> | null)[]>
  /** The member's row with up to `each` (default 5, at most 500) rows before and after it, or null. */
  around(member: string, each?: number, options?: BoardReadOptions): Promise<readonly Row<Data>[] | null>
  /**
   * The rows with a score in the range, the best first, at most `count` (default 10, at most 1,000) from the `from`th of
   * them (default 1) on. Ranks are those on the whole board.
   */
  byScore(
    range: ScoreRange & { readonly count?: number; readonly from?: number },
    options?: BoardReadOptions,
  ): Promise<readonly Row<Data>[]>
  /** How many members the board has, or has with a score in the range: ZCARD or ZCOUNT. */
  count(range?: ScoreRange, options?: WindowChoice): Promise<number>
  /**
   * How many of all members, in percent, have a score that is no better than the member's, itself included: the best
   * has 100, of 200 members the worst (if alone) 0.5. Null when the board does not have it. Unrounded.
   */
  percentile(member: string, options?: WindowChoice): Promise<number | null>
  /**
   * The worst score for which at least `percent` (0 to 100) of the members have no better one (the nearest-rank method; 0 gives the worst
   * score). Null on an empty board. `scoreAt(await percentile(m))` is the score of m.
   */
  scoreAt(percent: number, options?: WindowChoice): Promise<number | null>
  /**
   * Of up to 1,000 members (friends), those on the board, the best first, with their place among themselves and their rank
   * on the whole board. Each 50 are read in one moment.
   */
  among(members: readonly string[], options?: BoardReadOptions): Promise<readonly SubsetRow<Data>[]>
  /**
   * Every member with its score, in no order, in bounded steps while the board is in use. A member that is there
   * throughout comes exactly once, with a score that it had during the export; one that came, left or came back meanwhile at most once.
   * A calendar window's export stays with the period it began in.
   *
   * Cost: a ZSCAN for about 100 members. The names given out are remembered until the end, about 100 bytes each.
   */
  export(options?: WindowChoice): AsyncIterableIterator<{ readonly member: string; readonly score: number }>

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
