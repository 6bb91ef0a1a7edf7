import { checkCalendar } from '../calendar.ts'
import { durationMs } from '../duration.ts'
import { invalid } from '../errors.ts'
import { checkOptions, checkText, wholeNumber } from '../options.ts'
import type { CounterChange, CountersOptions } from './counter-types.ts'
import type { Calendar } from './periods.ts'

const { MAX_SAFE_INTEGER, MIN_SAFE_INTEGER } = Number
const DAY_MS = 86_400_000
const LONGEST_NAME = 128
/** Changes of one call: what keeps a batch of 64 well below a few milliseconds of Redis. */
export const MOST_CHANGES = 50

export interface CounterSettings {
  readonly floor: number
  readonly ceiling: number
  readonly initial: number
  readonly rememberMs: number
  readonly calendar: Calendar | undefined
}

export function readCountersOptions(options: CountersOptions): CounterSettings {
  const known = ['floor', 'ceiling', 'initial', 'calendar', 'timeZone', 'remember']
  checkOptions('createCounters', options, known)
  const floor = wholeNumber('floor', options.floor ?? 0, MIN_SAFE_INTEGER, MAX_SAFE_INTEGER)
  const ceiling = wholeNumber('ceiling', options.ceiling ?? MAX_SAFE_INTEGER, floor, MAX_SAFE_INTEGER)
  const { calendar: unit, timeZone } = options
  if (unit === undefined && timeZone !== undefined)
    throw invalid('timeZone', timeZone, "give it beside calendar: 'day', or leave it out")
  if (unit !== undefined) checkCalendar('createCounters', unit, timeZone ?? 'UTC')
  return {
    floor,
    ceiling,
    initial: wholeNumber('initial', options.initial ?? 0, MIN_SAFE_INTEGER, MAX_SAFE_INTEGER),
    rememberMs: Math.ceil(
      durationMs('remember', options.remember ?? '1h', { min: 60_000, max: 31 * DAY_MS }),
    ),
    calendar: unit && { unit, timeZone: timeZone ?? 'UTC' },
  }
}

/** What must be the same in all processes that use the counters, as people read it. */
export function declarationText({ floor, ceiling, initial, calendar }: CounterSettings): string {
  const limits = `floor ${floor}, ceiling ${ceiling}, initial ${initial}`
  return calendar ? `${limits}, each ${calendar.unit} of ${calendar.timeZone}` : limits
}

export function checkCounter(counter: string): string {
  return checkText('counter', counter, LONGEST_NAME)
}

/** The changes as scripts take them, a line for each. */
export function packChanges(changes: readonly CounterChange[]): string {
  if (!Array.isArray(changes) || changes.length < 1 || changes.length > MOST_CHANGES)
    throw invalid('changes', changes, `give a list of 1 to ${MOST_CHANGES} changes`)
  return Array.from(changes, (change) => {
    if (typeof change !== 'object' || change === null)
      throw invalid('change', change, 'give an object: { counter, by }')
    checkOptions('change', change, ['counter', 'by', 'floor', 'ceiling'])
    return packChange(change.counter, change.by, change.floor, change.ceiling)
  }).join('\n')
}

export function packChange(counter: string, by: number, floor?: number, ceiling?: number): string {
  checkCounter(counter)
  wholeNumber('by', by, MIN_SAFE_INTEGER, MAX_SAFE_INTEGER)
  return `${by === 0 ? 0 : by} ${limit('floor', floor)} ${limit('ceiling', ceiling)} ${counter}`
}

export function packSet(counter: string, value: number): string {
  checkCounter(counter)
  wholeNumber('value', value, MIN_SAFE_INTEGER, MAX_SAFE_INTEGER)
  return `=${value === 0 ? 0 : value} - - ${counter}`
}

function limit(name: string, value: number | undefined): string {
  if (value === undefined) return '-'
  return String(wholeNumber(name, value, MIN_SAFE_INTEGER, MAX_SAFE_INTEGER))
}
