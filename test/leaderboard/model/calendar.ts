import type { BoardCalendarWindow } from '@penknife/core'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** What clocks of a zone show at a moment, as numbers, with the offset from UTC. */
interface Shown {
  /** 'YYYY-MM-DD'. */
  readonly date: string
  readonly hour: string
  readonly offset: string
}

const formats = new Map<string, Intl.DateTimeFormat>()
const shownAt = new Map<string, Shown>()

function shown(timeZone: string, atMs: number): Shown {
  const key = `${timeZone} ${atMs}`
  const known = shownAt.get(key)
  if (known) return known
  let format = formats.get(timeZone)
  if (!format) {
    format = new Intl.DateTimeFormat('sv-SE', {
      timeZone,
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      hourCycle: 'h23',
      timeZoneName: 'longOffset',
    })
    formats.set(timeZone, format)
  }
  const parts = Object.fromEntries(format.formatToParts(atMs).map(({ type, value }) => [type, value]))
  const found = {
    date: `${parts['year']}-${parts['month']}-${parts['day']}`,
    hour: String(parts['hour']),
    offset: String(parts['timeZoneName']),
  }
  shownAt.set(key, found)
  return found
}

/**
 * The name of the period of a moment, from the displayed local time, without arithmetic on offsets. Where clocks are
 * set back over midnight, the later date has begun: the latest displayed date counts.
 */
export function periodOf({ calendar, timeZone = 'UTC' }: BoardCalendarWindow, atMs: number): string {
  const { date, hour, offset } = shown(timeZone, atMs)
  // A repeated hour is two hours with different offsets.
  if (calendar === 'hour') return `${date} ${hour} ${offset}`
  let latest = date
  if (hour >= '22') {
    for (let back = 1; back <= 120; back++) {
      const before = shown(timeZone, atMs - back * MINUTE).date
      if (before > latest) latest = before
    }
  }
  if (calendar === 'day') return latest
  return calendar === 'month' ? latest.slice(0, 7) : isoWeek(latest)
}

/** The period so many before: found by looking back until another one is shown. No period is shorter than half an hour. */
export function periodBefore(window: BoardCalendarWindow, atMs: number, periods: number): string {
  const step = window.calendar === 'hour' ? 10 * MINUTE : HOUR
  let at = atMs
  let name = periodOf(window, at)
  for (let back = 0; back < periods; back++) {
    const present = name
    while (name === present) name = periodOf(window, (at -= step))
  }
  return name
}

/** The next period, found by looking ahead. */
export function periodAfter(window: BoardCalendarWindow, atMs: number): string {
  const step = window.calendar === 'hour' ? 10 * MINUTE : HOUR
  const present = periodOf(window, atMs)
  let at = atMs
  while (periodOf(window, at) === present) at += step
  return periodOf(window, at)
}

/** ISO 8601: the week belongs to the year of its Thursday, week 1 has the first Thursday. */
export function isoWeek(date: string): string {
  const thursday = new Date(`${date}T00:00:00Z`)
  thursday.setUTCDate(thursday.getUTCDate() + 3 - ((thursday.getUTCDay() + 6) % 7))
  const year = thursday.getUTCFullYear()
  const days = (thursday.getTime() - Date.UTC(year, 0, 1)) / 86_400_000
  return `${year}-W${String(1 + Math.floor(days / 7)).padStart(2, '0')}`
}
