import { invalid } from '../errors.ts'

/**
 * A place in a stream: an id (`'1700000000000-0'`), a time (a Date, or milliseconds since 1970 as a number or
 * text), `'-'` for the oldest entry or `'+'` for the newest.
 */
export type StreamBound = string | number | Date

/** A place as Redis takes it; a time stands for all the entries of its millisecond. */
export function toBound(name: string, value: StreamBound): string {
  const text = value instanceof Date ? String(value.getTime()) : String(value)
  const sort = typeof value === 'string' || typeof value === 'number' || value instanceof Date
  if (!sort || !/^(\d{1,16}(-\d{1,19})?|[-+])$/.test(text)) {
    throw invalid(
      name,
      value,
      "give an id such as '1700000000000-0', a Date, a time in milliseconds, '-' or '+'",
    )
  }
  return text
}

/** A complete id. */
export function checkId(name: string, value: string): string {
  if (typeof value !== 'string' || !/^\d{1,16}-\d{1,19}$/.test(value)) {
    throw invalid(name, value, "give the id of an entry, such as '1700000000000-0'")
  }
  return value
}

const LAST_NUMBER = '18446744073709551615'

/** The id directly before a place, as what reads "after" an id takes it. */
export function before(bound: string): string {
  if (bound === '-') return '0-0'
  const [time = '0', number = '0'] = bound.split('-')
  if (number !== '0') return `${time}-${BigInt(number) - 1n}`
  return time === '0' ? '0-0' : `${BigInt(time) - 1n}-${LAST_NUMBER}`
}
