import { type Calendar, calendarOf, checkTimeZone } from '../calendar.ts'
import { invalid } from '../errors.ts'
import { checkOptions, wholeNumber } from '../options.ts'
import type { BoardCalendarUnit, BoardCalendarWindow, BoardWeekday } from './option-types.ts'

/** The largest `every` of a unit, which it must divide for minutes and hours. */
const MOST: Readonly<Record<BoardCalendarUnit, number>> = {
  minute: 60,
  hour: 24,
  day: 366,
  week: 366,
  month: 366,
  quarter: 366,
  year: 366,
}

export const WEEKDAYS: readonly BoardWeekday[] = [
  'sunday',
  'monday',
  'tuesday',
  'wednesday',
  'thursday',
  'friday',
  'saturday',
]

/** Checks a calendar window. */
export function readCalendar(what: string, window: BoardCalendarWindow): Calendar {
  checkOptions(what, window, ['calendar', 'timeZone', 'previous', 'every', 'from', 'dayStart', 'weekStart'])
  const { calendar: unit, timeZone = 'UTC', every = 1, from, dayStart, weekStart } = window
  if (typeof unit !== 'string' || !Object.hasOwn(MOST, unit)) {
    const units = Object.keys(MOST).map((each) => `'${each}'`)
    throw invalid(`${what} calendar`, unit, `give ${units.join(', ')}`)
  }
  checkTimeZone(what, timeZone)
  const most = MOST[unit]
  wholeNumber(`${what} every`, every, 1, most)
  const short = unit === 'minute' || unit === 'hour'
  if (short && most % every !== 0) throw invalid(`${what} every`, every, `give a divisor of ${most}`)
  for (const [name, value] of Object.entries({ from, dayStart })) {
    if (short && value !== undefined)
      throw invalid(`${what} ${name}`, value, 'leave it out: it is for days and longer units')
  }
  if (weekStart !== undefined && (unit !== 'week' || !WEEKDAYS.includes(weekStart))) {
    const fix = unit === 'week' ? `give one of ${WEEKDAYS.join(', ')}` : 'leave it out: it is for weeks'
    throw invalid(`${what} weekStart`, weekStart, fix)
  }
  const usual = calendarOf(unit, timeZone)
  return {
    ...usual,
    every,
    fromMs: from === undefined ? usual.fromMs : dateOf(`${what} from`, from, unit),
    dayStartMs: dayStart === undefined ? usual.dayStartMs : timeOf(`${what} dayStart`, dayStart),
    weekStart: weekStart === undefined ? usual.weekStart : WEEKDAYS.indexOf(weekStart),
  }
}

function dateOf(what: string, text: string, unit: BoardCalendarUnit): number {
  const ms = typeof text === 'string' && /^[12]\d{3}-\d\d-\d\d$/.test(text) ? Date.parse(text) : Number.NaN
  // Date.parse takes '2026-02-30' for the 2nd of March.
  if (Number.isNaN(ms) || !new Date(ms).toISOString().startsWith(text))
    throw invalid(what, text, "give a date such as '2026-01-04'")
  if (unit !== 'day' && unit !== 'week' && !text.endsWith('-01'))
    throw invalid(what, text, 'give the first day of a month')
  return ms
}

function timeOf(what: string, text: string): number {
  const parts = typeof text === 'string' ? /^([01]\d|2[0-3]):([0-5]\d)$/.exec(text) : null
  if (!parts) throw invalid(what, text, "give a time of day such as '05:00'")
  return (Number(parts[1]) * 60 + Number(parts[2])) * 60_000
}
