import { invalid } from './errors.ts'

/** A calendar period; a week begins on Monday. */
export type CalendarUnit = 'hour' | 'day' | 'week' | 'month'

/** An interval of time in milliseconds since 1970, without its end. */
export interface Period {
  readonly startMs: number
  readonly endMs: number
}

const HOUR = 3_600_000
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

/**
 * The calendar period that contains a moment. The next period is that of its `endMs`, the previous one that of `startMs - 1`.
 *
 * A day, week or month begins at the first moment whose local date is in it, so a day has 23 to 25 hours when clocks change. An
 * hour ends when the offset from UTC changes: the hour that clocks repeat counts as two hours.
 */
export function periodAt(unit: CalendarUnit, timeZone: string, atMs: number): Period {
  const format = formatOf(timeZone)
  if (unit === 'hour') return hourAt(format, atMs)
  let from = truncated(unit, localTime(format, atMs))
  // When clocks go back over midnight, the local date of a moment may be before its period.
  if (firstMoment(format, following(unit, from)) <= atMs) from = following(unit, from)
  return { startMs: firstMoment(format, from), endMs: firstMoment(format, following(unit, from)) }
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

/** The first local time of the day, week or month. */
function truncated(unit: CalendarUnit, local: number): number {
  const day = local - (((local % DAY) + DAY) % DAY)
  const date = new Date(day)
  if (unit === 'week') return day - ((date.getUTCDay() + 6) % 7) * DAY
  return unit === 'month' ? Date.UTC(date.getUTCFullYear(), date.getUTCMonth()) : day
}

function following(unit: CalendarUnit, from: number): number {
  if (unit === 'day') return from + DAY
  if (unit === 'week') return from + 7 * DAY
  const date = new Date(from)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1)
}

/** The first moment whose local time is at least `local`. */
function firstMoment(format: Intl.DateTimeFormat, local: number): number {
  return firstWhere(local - DAY, local + DAY, (at) => localTime(format, at) >= local)
}

function hourAt(format: Intl.DateTimeFormat, atMs: number): Period {
  const offset = (at: number): number => localTime(format, at) - at
  const mine = offset(atMs)
  const nominal = atMs - ((((atMs + mine) % HOUR) + HOUR) % HOUR)
  return {
    startMs: offset(nominal) === mine ? nominal : firstWhere(nominal, atMs, (at) => offset(at) === mine),
    endMs:
      offset(nominal + HOUR - 1) === mine
        ? nominal + HOUR
        : firstWhere(atMs, nominal + HOUR - 1, (at) => offset(at) !== mine),
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
