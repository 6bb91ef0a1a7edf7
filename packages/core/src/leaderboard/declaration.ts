import { type Calendar, calendarOf, type PeriodUnit } from '../calendar.ts'
import { WEEKDAYS } from './calendar-window.ts'
import type { Settings, Window } from './options.ts'

/** How a board is declared. */
export interface Declaration {
  /** Alternating names and values of the settings by which stored scores are read. They may not change. */
  readonly fields: readonly string[]
  /** The settings that a deploy may change, as readable text. */
  readonly rest: string
  /** Milliseconds after which unused keys of the board have expired; 0 for never. */
  readonly lifeMs: number
}

const HOUR_MS = 3_600_000
const LONGEST_UNIT_MS: Readonly<Record<PeriodUnit, number>> = {
  minute: HOUR_MS / 60,
  hour: 2 * HOUR_MS,
  day: 26 * HOUR_MS,
  week: 8 * 24 * HOUR_MS,
  month: 32 * 24 * HOUR_MS,
  quarter: 93 * 24 * HOUR_MS,
  year: 367 * 24 * HOUR_MS,
}
/** How much longer than its scores a declaration is stored. */
const SLACK_MS = 24 * HOUR_MS

export function declarationOf(settings: Settings): Declaration {
  const { ascending, limit, scale, ties, reverse, dense, keep, dedupWindow, windows } = settings
  const fields = {
    order: ascending ? 'ascending' : 'descending',
    decimals: limit === undefined ? 'none' : String(Math.round(Math.log10(scale))),
    ties: ties
      ? `unit ${ties.unit / 1000} ms, since ${isoOf(ties.since)}, room for ${ties.shift} units`
      : reverse
        ? 'member-descending'
        : 'member',
    denseRanks: String(dense),
    ...Object.fromEntries(windows.map((window) => [`window ${window.name}`, meaningOf(window)])),
  }
  const rest = [
    `windows ${windows.map(detailOf).join(' ')}`,
    ...(keep === undefined ? [] : [`keep ${keep}`]),
    ...(dedupWindow === undefined ? [] : [`dedup window ${dedupWindow / 1000} ms`]),
    ...(ties ? [`ties until ${isoOf(ties.ending)}`] : []),
  ]
  const lives = [...windows.map(lifeOf), (dedupWindow ?? 0) / 1000]
  const lifeMs = lives.includes(Infinity) ? 0 : Math.max(...lives) + SLACK_MS
  return { fields: Object.entries(fields).flat(), rest: rest.join(', '), lifeMs }
}

function meaningOf(window: Window): string {
  if (window.kind === 'all-time') return 'all-time'
  if (window.kind === 'calendar') return calendarText(window)
  return `last ${window.last / 1000} ms, ${window.grain > 0 ? 'with' : 'without'} tolerance`
}

/** The unit and time zone, and what else is not the default. */
function calendarText(calendar: Calendar): string {
  const { unit, timeZone, every, fromMs, dayStartMs, weekStart } = calendar
  const usual = calendarOf(unit, timeZone)
  const parts = [`calendar ${unit}`, `timeZone ${timeZone}`]
  if (every !== usual.every) parts.push(`every ${every}`)
  if (fromMs !== usual.fromMs) parts.push(`from ${isoOf(fromMs * 1000).slice(0, 10)}`)
  if (dayStartMs !== usual.dayStartMs) parts.push(`dayStart ${isoOf(dayStartMs * 1000).slice(11, 16)}`)
  if (weekStart !== usual.weekStart) parts.push(`weekStart ${WEEKDAYS[weekStart]}`)
  return parts.join(', ')
}

function detailOf(window: Window): string {
  if (window.kind === 'calendar') return `${window.name} (previous ${window.previous})`
  if (window.kind === 'rolling' && window.grain > 0)
    return `${window.name} (tolerance ${window.grain / 1000} ms)`
  return window.name
}

/** The longest time that a window has scores after the last update. */
function lifeOf(window: Window): number {
  if (window.kind === 'all-time') return Infinity
  if (window.kind === 'rolling') return window.last / 1000
  return LONGEST_UNIT_MS[window.unit] * window.every * (window.previous + 2)
}

function isoOf(us: number): string {
  return new Date(us / 1000).toISOString()
}
