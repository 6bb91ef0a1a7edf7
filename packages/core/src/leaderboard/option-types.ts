import type { CalendarUnit } from '../calendar.ts'
import type { Duration } from '../duration.ts'

/** An hour, day, ISO week (from Monday) or month of a time zone, across its daylight-saving changes. */
export interface BoardCalendarWindow {
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
export interface BoardRollingWindow {
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
export type BoardWindow = 'all-time' | BoardCalendarWindow | BoardRollingWindow

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
export interface BoardFirstComeTies {
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
  readonly ties?: 'member' | BoardFirstComeTies
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
