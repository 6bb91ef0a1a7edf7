import type { BoardCalendarWindow } from '@penknife/core'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** What clocks of a zone show at a moment, as numbers, with the offset from UTC. */
interface Shown {
  /** 'YYYY-MM-DD'. */
  readonly date: string
  readonly hour: string
  readonly minute: string
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
      minute: '2-digit',
      hourCycle: 'h23',
      timeZoneName: 'longOffset',
    })
    formats.set(timeZone, format)
  }
  const parts = Object.fromEntries(format.formatToParts(atMs).map(({ type, value }) => [type, value]))
  const found = {
    date: `${parts['year']}-${parts['month']}-${parts['day']}`,
    hour: String(parts['hour']),
    minute: String(parts['minute']),
    offset: String(parts['timeZoneName']),
  }
  shownAt.set(key, found)
  return found
}

/** The displayed local time as a number of milliseconds, the latest so far: clocks that go back end no period. */
function latestShown(timeZone: string, atMs: number): number {
  const numberAt = (ms: number): number => {
    const { date, hour, minute } = shown(timeZone, ms)
    return Date.parse(`${date}T${hour}:${minute}:00Z`)
  }
  let latest = numberAt(atMs)
  if (shown(timeZone, atMs).offset === shown(timeZone, atMs - 120 * MINUTE).offset) return latest
  for (let back = 1; back <= 120; back++) latest = Math.max(latest, numberAt(atMs - back * MINUTE))
  return latest
}

/** The name of the period of a moment, from the displayed local time, without arithmetic on offsets. */
export function periodOf(window: BoardCalendarWindow, atMs: number): string {
  const { calendar, timeZone = 'UTC', every = 1, from = '1970-01-01', dayStart = '00:00' } = window
  const { date, hour, minute, offset } = shown(timeZone, atMs)
  // A repeated hour is two hours with different offsets.
  if (calendar === 'minute') return `${date} ${hour} ${Math.floor(Number(minute) / every)} ${offset}`
  if (calendar === 'hour' && every === 1) return `${date} ${hour} ${offset}`
  const start = Date.parse(`1970-01-01T${dayStart}:00Z`)
  const local = new Date(latestShown(timeZone, atMs) - start).toISOString()
  const day = local.slice(0, 10)
  const chunk = (units: number): string => `${calendar} ${Math.floor(units / every)}`
  if (calendar === 'hour') return `${day} ${chunk(Number(local.slice(11, 13)))}`
  if (calendar === 'day') return chunk(daysFrom(from, day))
  if (calendar === 'week') {
    const { weekStart = 'monday' } = window
    return chunk(daysFrom(weekOf(from, weekStart), weekOf(day, weekStart)) / 7)
  }
  const months = calendar === 'month' ? 1 : calendar === 'quarter' ? 3 : 12
  return chunk(Math.floor((monthsOf(day) - monthsOf(from)) / months))
}

const daysFrom = (from: string, to: string): number => (Date.parse(to) - Date.parse(from)) / (24 * HOUR)
const monthsOf = (day: string): number => 12 * Number(day.slice(0, 4)) + Number(day.slice(5, 7))

const WEEKDAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday']

/** The first day of a week, found by going back. */
function weekOf(day: string, weekStart: string): string {
  let first = new Date(day)
  while (WEEKDAYS[first.getUTCDay()] !== weekStart) first = new Date(first.getTime() - 24 * HOUR)
  return first.toISOString().slice(0, 10)
}

/** Shorter than every period. */
function stepOf({ calendar }: BoardCalendarWindow): number {
  if (calendar === 'minute') return MINUTE
  if (calendar === 'hour') return 10 * MINUTE
  return calendar === 'day' || calendar === 'week' ? HOUR : 24 * HOUR
}

/** The period so many before: found by looking back until another one is shown. */
export function periodBefore(window: BoardCalendarWindow, atMs: number, periods: number): string {
  const step = stepOf(window)
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
  const step = stepOf(window)
  const present = periodOf(window, atMs)
  let at = atMs
  while (periodOf(window, at) === present) at += step
  return periodOf(window, at)
}
