import { invalid } from '../errors.ts'

/**
 * A place in a stream: an id (`'1700000000000-0'`), a time (a Date, or milliseconds since 1970 as a number or text), `'-'` for the
 * oldest entry, or `'+'` for the newest.
 */
export type StreamBound = string | number | Date

/** A place as an argument of Redis. A time means all entries of its millisecond. */
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

/** Refuses a text that is not a complete id. */
export function checkId(name: string, value: string): string {
  if (typeof value !== 'string' || !/^\d{1,16}-\d{1,19}$/.test(value)) {
    throw invalid(name, value, "give the id of an entry, such as '1700000000000-0'")
  }
  return value
}

/** The range of `read` and `deadLetters.list`, in the order in which XRANGE or XREVRANGE takes it. */
export function toRange({ from = '-', to = '+', after, reverse = false }: RangeOptions): Range {
  const [low, high] = [toBound('from', from), toBound('to', to)]
  const [first, last] = reverse ? [high, low] : [low, high]
  return { first: after === undefined ? first : `(${checkId('after', after)}`, last, reverse }
}

interface RangeOptions {
  readonly from?: StreamBound | undefined
  readonly to?: StreamBound | undefined
  /** The last id of the page before. */
  readonly after?: string | undefined
  readonly reverse?: boolean | undefined
}

/** Arguments of XRANGE, or of XREVRANGE when `reverse`. */
export interface Range {
  /** With a leading `(` the id itself is excluded. */
  readonly first: string
  readonly last: string
  readonly reverse: boolean
}

const LAST_NUMBER = '18446744073709551615'

/** The id directly before a place, for commands that read after an id. */
export function before(bound: string): string {
  if (bound === '-') return '0-0'
  const [time = '0', number = '0'] = bound.split('-')
  if (number !== '0') return `${time}-${BigInt(number) - 1n}`
  return time === '0' ? '0-0' : `${BigInt(time) - 1n}-${LAST_NUMBER}`
}
