import type { CalendarUnit } from '../calendar.ts'
import type { Duration } from '../duration.ts'

/** A unit of a calendar window. */
export type BoardCalendarUnit = CalendarUnit | 'minute' | 'quarter' | 'year'

export type BoardWeekday = 'sunday' | 'monday' | 'tuesday' | 'wednesday' | 'thursday' | 'friday' | 'saturday'

/** Periods of a calendar, such as days of a time zone. Daylight-saving changes are handled. */
export interface BoardCalendarWindow {
  readonly calendar: BoardCalendarUnit
  /**
   * How many units a period has. Minutes: a divisor of 60, counted from the full hour. Hours: a divisor of 24, counted from
   * midnight. Others: 1 to 366, counted from `from`. Default: 1.
   */
  readonly every?: number | undefined
  /**
   * A local date on which a period begins, such as '2026-01-04'; a period of weeks begins with the week of that date. Months,
   * quarters and years: the first day of a month, so that a year can begin in April. Not for minutes and hours. Default: '1970-01-01'.
   */
  readonly from?: string | undefined
  /**
   * The local time at which a day begins, and so a week, month, quarter or year: '00:00' to '23:59', such as '05:00'. Where clocks skip
   * that time, the day begins when they do; where they repeat it, at the first. Not for minutes and hours. Default: '00:00'.
   */
  readonly dayStart?: string | undefined
  /** The day on which a week begins. Only for weeks. Default: 'monday', as in ISO 8601. */
  readonly weekStart?: BoardWeekday | undefined
  /** An IANA name such as 'Europe/Berlin'. Default: 'UTC'. */
  readonly timeZone?: string | undefined
  /**
   * How many past periods stay readable, 0 to 100. The keys of a period expire after it and that many further periods
   * have ended. Default: 1.
   */
  readonly previous?: number | undefined
}

/**
 * The most recent time, such as the last 24 hours. It counts increments only, in whole units of the board's `decimals`.
 *
 * A member's score is the sum of its increments in the window. It is on the window's board while that sum is not zero. The
 * sums are stored, so a read costs no more than on another window, unless it has to remove expired increments.
 */
export interface BoardRollingWindow {
  /** How long an increment counts: '1s' to '366d'. */
  readonly last: Duration
  /**
   * How much earlier than `last` an increment may expire; it never expires later. Increments of one member within this
   * time are stored as one entry, which expires when the first of them is due. That saves memory where members are
   * incremented often. Each member's entries start with its own increments, so not all expire at once. At most `last / 2`.
   *
   * Default: 0. Each increment then expires exactly `last` after it was made, and takes about 31 bytes.
   */
  readonly tolerance?: Duration | undefined
}

/** One way to add up a board's updates. */
export type BoardWindow = 'all-time' | BoardCalendarWindow | BoardRollingWindow

/**
 * Equal scores are ordered by time: the member that reached the score first is better.
 *
 * The time is stored in the low digits of the number that Redis sorts by. So scores must be whole numbers from -`maxScore` to
 * `maxScore` (a property of the board). To compute it, divide `until - since` by `unit`, round up to a power of two, divide
 * 2^53 by that, and subtract 1. A unit of one second over ten years allows scores up to 16,777,215; a minute over a year, up
 * to 8,589,934,591. An update that would leave that range, or that is made before `since` or after `until`, is refused and
 * changes nothing.
 *
 * Two members that reach a score within the same `unit` are ordered by name. A member that leaves a score and returns to it
 * counts from its return. An update that changes nothing keeps the time.
 */
export interface BoardFirstComeTies {
  /** The precision of the time, from 1 ms. Default: '1s'. */
  readonly unit?: Duration | undefined
  /** The first moment that counts, such as '2026-01-01T00:00:00Z'. It must be the same in all processes, and may never change. */
  readonly since: Date | string
  /** The last moment that counts. It may change as long as the range of scores stays the same. */
  readonly until: Date | string
}

export interface BoardEventOptions {
  /** The window whose ranks are compared. Default: the first. */
  readonly window?: string | undefined
  /** Report members that enter or leave the best so many, 0 to 1,000. Default: 0, no such reports. */
  readonly top?: number | undefined
  /** Report at most so many members that an update overtook, the best of them, 0 to 100. Default: 0. */
  readonly overtaken?: number | undefined
}

export interface BoardDedupOptions {
  /**
   * How long the id of an increment is stored, '1s' to '366d'. During that time the increment counts once, however often
   * it is sent, and can be undone. About 200 bytes for each id.
   */
  readonly window: Duration
}

export interface LeaderboardOptions {
  /** `descending`: the highest score is the best, rank 1. `ascending`: the lowest. Default: 'descending'. */
  readonly order?: 'descending' | 'ascending' | undefined
  /**
   * 1 to 8 windows by name. Every update changes all of them in one script. Methods use the first window unless their
   * options name another. Default: `{ all: 'all-time' }`.
   */
  readonly windows?: Readonly<Record<string, BoardWindow>> | undefined
  /**
   * The order of members with equal scores. 'member': by name, in ascending byte order (UTF-8); scores have a double's
   * full range. 'member-descending': the same in descending byte order, as ZREVRANGE of Redis has them. With an object: the member that
   * reached the score first is better. Default: 'member'.
   */
  readonly ties?: 'member' | 'member-descending' | BoardFirstComeTies | undefined
  /**
   * Allow reads with `ranks: 'dense'`. Redis then stores a second sorted set of the different scores for each window, and
   * an increment took Redis 2.7 times as long (`pnpm bench leaderboard.kinds --rounds 3`). Default: false.
   */
  readonly denseRanks?: boolean | undefined
  /**
   * Store only the best so many members in each window, 1 to 10,000,000. Such a board allows `set` and `best`. It refuses
   * rolling windows and increments, because a member that was dropped would start at 0 again. A dropped member does not
   * return when others are removed. Default: all members.
   */
  readonly keep?: number | undefined
  /**
   * Store scores as exact decimals with so many digits after the point, 0 to 9, so that sums have no rounding errors. A
   * score with more digits, or beyond `maxScore`, is refused. `maxScore` is 2^53 - 1 units of the last digit (less with
   * first-come ties). Default: 0 with a rolling window or first-come ties, else doubles.
   */
  readonly decimals?: number | undefined
  /** Counts an increment with an id once, and lets it be undone. Default: ids are refused. */
  readonly dedup?: BoardDedupOptions | undefined
  /** Report changes of rank, see `Leaderboard.on`. Default: no reports, and no extra cost for updates. */
  readonly events?: BoardEventOptions | undefined
  /**
   * Tell live views (`live(board, …)`) of each change, so that they read the board only then. All processes that change it must give
   * it. Cost: SPUBLISH in each script call that changes the board. An increment of a board that is a single sorted set then takes Redis
   * about three times as long. Default: false, and live views read again and again.
   */
  readonly live?: boolean | undefined
}
