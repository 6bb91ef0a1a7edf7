import type { Calendar } from '../calendar.ts'
import { durationMs } from '../duration.ts'
import { invalid } from '../errors.ts'
import { checkName, checkOptions, wholeNumber } from '../options.ts'
import { readCalendar } from './calendar-window.ts'
import type { RankEventSettings } from './rank-events.ts'
import type {
  BoardDedupOptions,
  BoardEventOptions,
  BoardWindow,
  BoardFirstComeTies,
  LeaderboardOptions,
} from './option-types.ts'

/** A window with checked options; times in microseconds. */
export type Window =
  | { readonly kind: 'all-time'; readonly name: string }
  | ({ readonly kind: 'calendar'; readonly name: string; readonly previous: number } & Calendar)
  | { readonly kind: 'rolling'; readonly name: string; readonly last: number; readonly grain: number }

/** The parameters with which scripts order equal scores by time; times in microseconds. */
export interface Ties {
  readonly shift: number
  readonly since: number
  readonly ending: number
  readonly unit: number
}

/** A board's options, checked, with their defaults. */
export interface Settings {
  readonly ascending: boolean
  readonly windows: readonly [Window, ...Window[]]
  readonly ties: Ties | undefined
  /** Whether members with equal scores are in descending order; the highest sort value is then the best. */
  readonly reverse: boolean
  /** Scores are stored as whole numbers of 1 / scale, from -limit to limit; undefined: as doubles. */
  readonly limit: number | undefined
  readonly scale: number
  readonly dense: boolean
  readonly keep: number | undefined
  /** How long ids of increments are stored, in microseconds. */
  readonly dedupWindow: number | undefined
  readonly events: RankEventSettings | undefined
  /** Whether scripts publish a message for live views after each change. */
  readonly live: boolean
}

const KNOWN = [
  'order',
  'windows',
  'ties',
  'denseRanks',
  'keep',
  'decimals',
  'dedup',
  'events',
  'live',
] as const satisfies readonly (keyof LeaderboardOptions)[]

export function readOptions(options: LeaderboardOptions): Settings {
  checkOptions('leaderboard', options, KNOWN)
  const { order = 'descending', windows: given = { all: 'all-time' }, denseRanks = false, keep } = options
  if (order !== 'descending' && order !== 'ascending') {
    throw invalid('order', order, "give 'descending' or 'ascending'")
  }
  const { live = false } = options
  if (typeof live !== 'boolean') throw invalid('live', live, 'give true or false')
  if (typeof denseRanks !== 'boolean') throw invalid('denseRanks', denseRanks, 'give true or false')
  const windows = readWindows(given)
  const rolling = windows.some(({ kind }) => kind === 'rolling')
  const ties = readTies(options.ties ?? 'member')
  const reverse = options.ties === 'member-descending'
  if (keep !== undefined) {
    wholeNumber('keep', keep, 1, 10_000_000)
    if (rolling)
      throw invalid('keep', keep, 'leave it out: a rolling window needs the increments of all members')
    if (options.dedup !== undefined) {
      throw invalid('dedup', options.dedup, 'leave it out: a board with keep refuses increments')
    }
  }
  const exact = rolling || ties !== undefined || options.decimals !== undefined
  const largest = ties ? 2 ** 53 / ties.shift - 1 : 2 ** 53 - 1
  return {
    ascending: order === 'ascending',
    windows,
    ties,
    reverse,
    limit: exact ? largest : undefined,
    scale: 10 ** wholeNumber('decimals', options.decimals ?? 0, 0, 9),
    dense: denseRanks,
    keep,
    dedupWindow: options.dedup === undefined ? undefined : readDedup(options.dedup),
    events: options.events === undefined ? undefined : readEvents(options.events, windows),
    live,
  }
}

function readWindows(given: Readonly<Record<string, BoardWindow>>): readonly [Window, ...Window[]] {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw invalid('windows', given, "give an object of windows by name: { all: 'all-time' }")
  }
  const windows = Object.entries(given).map(([name, window]) => readWindow(name, window))
  const [first, ...more] = windows
  if (!first || more.length > 7) throw invalid('windows', given, 'give 1 to 8 windows')
  if (windows.filter(({ kind }) => kind === 'all-time').length > 1) {
    throw invalid('windows', given, 'give only one all-time window: two would be identical')
  }
  return [first, ...more]
}

function readWindow(name: string, window: BoardWindow): Window {
  const what = `window ${checkName('window name', name, 32)}`
  // Object keys that look like numbers are moved to the front, and the first window is the default.
  if (/^\d/.test(name)) throw invalid('window name', name, 'do not start it with a digit')
  if (window === 'all-time') return { kind: 'all-time', name }
  if (typeof window !== 'object' || window === null || !('calendar' in window || 'last' in window)) {
    throw invalid(what, window, "give 'all-time', { calendar: 'day' } or { last: '24h' }")
  }
  if ('calendar' in window) {
    const previous = wholeNumber(`${what} previous`, window.previous ?? 1, 0, 100)
    return { kind: 'calendar', name, previous, ...readCalendar(what, window) }
  }
  checkOptions(what, window, ['last', 'tolerance'])
  const last = microseconds(`${what} last`, window.last, 1000)
  const grain = microseconds(`${what} tolerance`, window.tolerance ?? 0, 0, last / 2000)
  return { kind: 'rolling', name, last, grain }
}

function readTies(given: 'member' | 'member-descending' | BoardFirstComeTies): Ties | undefined {
  if (given === 'member' || given === 'member-descending') return undefined
  if (typeof given !== 'object' || given === null) {
    throw invalid('ties', given, "give 'member', 'member-descending' or { since, until }")
  }
  checkOptions('ties', given, ['unit', 'since', 'until'])
  const unit = microseconds('ties unit', given.unit ?? '1s', 1)
  const since = moment('ties since', given.since)
  const ending = moment('ties until', given.until)
  if (ending <= since) throw invalid('ties until', given.until, 'give a time after since')
  const ticks = Math.floor((ending - since) / unit) + 1
  const shift = 2 ** Math.ceil(Math.log2(ticks))
  if (shift > 2 ** 52)
    throw invalid('ties unit', given.unit ?? '1s', 'give a longer unit, or an earlier until')
  return { shift, since, ending, unit }
}

function readDedup(given: BoardDedupOptions): number {
  checkOptions('dedup', given, ['window'])
  return microseconds('dedup window', given.window, 1000)
}

function readEvents(given: BoardEventOptions, windows: readonly [Window, ...Window[]]): RankEventSettings {
  checkOptions('events', given, ['window', 'top', 'overtaken'])
  const { window = windows[0].name, top = 0, overtaken = 0 } = given
  if (!windows.some(({ name }) => name === window)) {
    throw invalid('events window', window, `give one of ${windows.map(({ name }) => name).join(', ')}`)
  }
  wholeNumber('events top', top, 0, 1000)
  wholeNumber('events overtaken', overtaken, 0, 100)
  return { window, top, overtaken }
}

function microseconds(
  what: string,
  value: Parameters<typeof durationMs>[1],
  min: number,
  max?: number,
): number {
  return Math.round(durationMs(what, value, max === undefined ? { min } : { min, max }) * 1000)
}

function moment(what: string, value: Date | string): number {
  const ms =
    value instanceof Date ? value.getTime() : typeof value === 'string' ? Date.parse(value) : Number.NaN
  if (!Number.isSafeInteger(ms) || ms < 0)
    throw invalid(what, value, "give a Date or text such as '2026-01-01T00:00:00Z'")
  return ms * 1000
}
