import { checkCalendar } from '../calendar.ts'
import { durationMs } from '../duration.ts'
import { invalid } from '../errors.ts'
import { checkOptions, checkText, wholeNumber } from '../options.ts'
import type { CounterAmount, CounterChange, CountersOptions } from './counter-types.ts'
import type { Calendar } from './periods.ts'

const { MAX_SAFE_INTEGER, MIN_SAFE_INTEGER } = Number
const DAY_MS = 86_400_000
const LONGEST_NAME = 128
/** At most so many changes in a call, so that a batch of 64 calls takes few milliseconds of Redis. */
export const MOST_CHANGES = 50

export interface CounterSettings {
  readonly floor: number
  readonly ceiling: number
  readonly initial: number
  /** Milliseconds for which an id, or how a reservation ended, is stored. */
  readonly dedupMs: number
  readonly calendar: Calendar | undefined
}

export function readCountersOptions(options: CountersOptions): CounterSettings {
  const known = ['floor', 'ceiling', 'initial', 'calendar', 'timeZone', 'dedup']
  checkOptions('createCounters', options, known)
  const floor = wholeNumber('floor', options.floor ?? 0, MIN_SAFE_INTEGER, MAX_SAFE_INTEGER)
  const ceiling = wholeNumber('ceiling', options.ceiling ?? MAX_SAFE_INTEGER, floor, MAX_SAFE_INTEGER)
  const { calendar: unit, timeZone } = options
  if (unit === undefined && timeZone !== undefined)
    throw invalid('timeZone', timeZone, "give it beside calendar: 'day', or leave it out")
  const { dedup = { window: '1h' } } = options
  checkOptions('dedup', dedup, ['window'])
  if (unit !== undefined) checkCalendar('createCounters', unit, timeZone ?? 'UTC')
  return {
    floor,
    ceiling,
    initial: wholeNumber('initial', options.initial ?? 0, floor, ceiling),
    dedupMs: Math.ceil(durationMs('dedup window', dedup.window, { min: 60_000, max: 31 * DAY_MS })),
    calendar: unit && { unit, timeZone: timeZone ?? 'UTC' },
  }
}

/** The options that must be equal in all processes, as text for people. */
export function declarationText({ floor, ceiling, initial, calendar }: CounterSettings): string {
  const limits = `floor ${floor}, ceiling ${ceiling}, initial ${initial}`
  return calendar ? `${limits}, each ${calendar.unit} of ${calendar.timeZone}` : limits
}

export function checkCounter(counter: string): string {
  return checkText('counter', counter, LONGEST_NAME)
}

/** The changes as the scripts take them: a line for each. */
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

/** The amounts of a commit as the scripts take them: a line for each counter. */
export function packAmounts(amounts: readonly CounterAmount[]): string {
  if (!Array.isArray(amounts) || amounts.length > MOST_CHANGES)
    throw invalid('amounts', amounts, `give a list of at most ${MOST_CHANGES} amounts`)
  return Array.from(amounts, (amount) => {
    if (typeof amount !== 'object' || amount === null)
      throw invalid('amount', amount, 'give an object: { counter, by }')
    checkOptions('amount', amount, ['counter', 'by'])
    checkCounter(amount.counter)
    const by = wholeNumber('by', amount.by, MIN_SAFE_INTEGER, MAX_SAFE_INTEGER)
    return `${by === 0 ? 0 : by} ${amount.counter}`
  }).join('\n')
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
