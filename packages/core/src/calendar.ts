import { invalid } from './errors.ts'

/** A calendar period; a week begins on Monday. */
export type CalendarUnit = 'hour' | 'day' | 'week' | 'month'

/** All units of a `Calendar`. */
export type PeriodUnit = CalendarUnit | 'minute' | 'quarter' | 'year'

/** Periods of `every` units. */
export interface Calendar {
  readonly unit: PeriodUnit
  readonly timeZone: string
  readonly every: number
  /** The local time of day at which a day, and so a week, month, quarter or year, begins, in milliseconds. */
  readonly dayStartMs: number
  /** The day on which a week begins; 0 is Sunday. */
  readonly weekStart: number
  /** A local date on which a period begins, as the moment with that date in UTC. */
  readonly fromMs: number
}

/** An interval of time in milliseconds since 1970, without its end. */
export interface Period {
  readonly startMs: number
  readonly endMs: number
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const UNITS: ReadonlySet<string> = new Set<CalendarUnit>(['hour', 'day', 'week', 'month'])
const formats = new Map<string, Intl.DateTimeFormat>()

/** Refuses an unknown calendar unit, and a time zone that this process does not know. */
export function checkCalendar(what: string, unit: CalendarUnit, timeZone: string): void {
  if (!UNITS.has(unit)) throw invalid(`${what} calendar`, unit, "give 'hour', 'day', 'week' or 'month'")
  checkTimeZone(what, timeZone)
}

/** Refuses a time zone that this process does not know. */
export function checkTimeZone(what: string, timeZone: string): void {
  try {
    formatOf(timeZone)
  } catch {
    throw invalid(`${what} timeZone`, timeZone, "give an IANA time zone such as 'UTC' or 'Europe/Berlin'")
  }
}

/** Periods of one unit that begin where the unit does, a week on Monday. */
export function calendarOf(unit: PeriodUnit, timeZone: string): Calendar {
  return { unit, timeZone, every: 1, dayStartMs: 0, weekStart: MONDAY, fromMs: 0 }
}

const MONDAY = 1

/** The calendar period of one unit that contains a moment, see `periodIn`. */
export function periodAt(unit: CalendarUnit, timeZone: string, atMs: number): Period {
  return periodIn(calendarOf(unit, timeZone), atMs)
}

/**
 * The period that contains a moment. The next period is that of its `endMs`, the previous one that of `startMs - 1`.
 *
 * A period of days or longer units, or of several hours, begins at the first moment whose local time is in it, so a day has 23 to 25
 * hours when clocks change. An hour, and a period of minutes, ends when the offset from UTC changes: the hour that clocks repeat
 * counts as two hours.
 */
export function periodIn(calendar: Calendar, atMs: number): Period {
  const { unit, every } = calendar
  const format = formatOf(calendar.timeZone)
  if (unit === 'minute') return shortPeriodAt(format, atMs, every * MINUTE)
  if (unit === 'hour' && every === 1) return shortPeriodAt(format, atMs, HOUR)
  let nth = numberOf(calendar, localTime(format, atMs))
  const start = (of: number): number => firstMoment(format, beginning(calendar, of))
  // When clocks go back over the beginning of a period, the local time of a moment may be that of the period before.
  while (start(nth + 1) <= atMs) nth += 1
  return { startMs: start(nth), endMs: start(nth + 1) }
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone)
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'gregory',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
    formats.set(timeZone, format)
  }
  return format
}

/** The local time of a moment, as the moment with the same time in UTC. */
function localTime(format: Intl.DateTimeFormat, atMs: number): number {
  const parts = new Map<string, number>()
  for (const { type, value } of format.formatToParts(atMs)) parts.set(type, Number(value))
  const part = (type: string): number => parts.get(type) as number
  const seconds = Date.UTC(
    part('year'),
    part('month') - 1,
    part('day'),
    part('hour'),
    part('minute'),
    part('second'),
  )
  return seconds + (((atMs % 1000) + 1000) % 1000)
}

const MONTHS: Partial<Readonly<Record<PeriodUnit, number>>> = { month: 1, quarter: 3, year: 12 }

/** The number of the period of a local time, counted from the first one that `fromMs` begins. */
function numberOf({ unit, every, dayStartMs, weekStart, fromMs }: Calendar, local: number): number {
  if (unit === 'hour') return Math.floor((local - fromMs) / (every * HOUR))
  const months = MONTHS[unit]
  if (months === undefined) {
    const from = unit === 'week' ? weekOf(fromMs, weekStart) : fromMs
    return Math.floor((local - dayStartMs - from) / (every * daysIn(unit) * DAY))
  }
  const passed = monthOf(local - dayStartMs) - monthOf(fromMs)
  return Math.floor(passed / (every * months))
}

/** The first local time of a period. */
function beginning({ unit, every, dayStartMs, weekStart, fromMs }: Calendar, nth: number): number {
  if (unit === 'hour') return fromMs + nth * every * HOUR
  const months = MONTHS[unit]
  if (months !== undefined) return Date.UTC(1970, monthOf(fromMs) + nth * every * months) + dayStartMs
  const from = unit === 'week' ? weekOf(fromMs, weekStart) : fromMs
  return from + nth * every * daysIn(unit) * DAY + dayStartMs
}

function daysIn(unit: PeriodUnit): number {
  return unit === 'week' ? 7 : 1
}

/** The first day of the week of a day. */
function weekOf(dayMs: number, weekStart: number): number {
  return dayMs - ((new Date(dayMs).getUTCDay() - weekStart + 7) % 7) * DAY
}

/** Months since January 1970. */
function monthOf(local: number): number {
  const date = new Date(local)
  return 12 * (date.getUTCFullYear() - 1970) + date.getUTCMonth()
}

/** The first moment whose local time is at least `local`. */
function firstMoment(format: Intl.DateTimeFormat, local: number): number {
  const before = local - DAY
  // With the offset of the day before, so that of a time that clocks repeat this is the first.
  const usual = local - (localTime(format, before) - before)
  if (localTime(format, usual) === local) return usual
  return firstWhere(before, local + DAY, (at) => localTime(format, at) >= local)
}

/** A period of minutes, or an hour: of `length` in local time, cut where the offset changes. */
function shortPeriodAt(format: Intl.DateTimeFormat, atMs: number, length: number): Period {
  const offset = (at: number): number => localTime(format, at) - at
  const mine = offset(atMs)
  const nominal = atMs - ((((atMs + mine) % length) + length) % length)
  const last = nominal + length - 1
  return {
    startMs: offset(nominal) === mine ? nominal : firstWhere(nominal, atMs, (at) => offset(at) === mine),
    endMs: offset(last) === mine ? nominal + length : firstWhere(atMs, last, (at) => offset(at) !== mine),
  }
}

/** The first moment after `low`, up to `high`, from which on a condition is true (binary search). */
function firstWhere(low: number, high: number, holds: (atMs: number) => boolean): number {
  let [before, from] = [low, high]
  while (from - before > 1) {
    const middle = Math.floor((before + from) / 2)
    if (holds(middle)) from = middle
    else before = middle
  }
  return from
}
