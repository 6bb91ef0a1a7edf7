import { disown } from '../callbacks.ts'
import { invalid } from '../errors.ts'
import { checkOptions, wholeNumber } from '../options.ts'
import { isWellFormed } from '../text.ts'
import type { StreamOptions, StreamOrderOptions } from './option-types.ts'

/** The order of a stream's keys, checked. */
export interface Order {
  /** The field of the payload that is the key; undefined: `add` gives it. */
  readonly field: string | undefined
  /** Entries of a key that are handled at once. */
  readonly places: number
  /** Whether a dead letter stops its key. */
  readonly stops: boolean
}

const LONGEST_KEY = 256
const MOST_PLACES = 100

/** The option `order` of `createStream`, whose other options are `groups` and `queue`. */
export function orderOf(
  order: StreamOptions['order'],
  groups: readonly string[],
  queue: boolean,
): Order | undefined {
  if (order === undefined) return undefined
  const options: StreamOrderOptions = order === 'key' ? {} : order
  if (typeof options !== 'object' || options === null) {
    throw invalid('order', order, "give 'key', or an object such as { field: 'customer' }")
  }
  checkOptions('order', options, ['field', 'limit', 'afterDead'])
  const { field, limit = 1, afterDead = 'continue' } = options
  if (field !== undefined && (typeof field !== 'string' || field === '')) {
    throw invalid('field', field, 'give the name of a field of the payload')
  }
  wholeNumber('limit', limit, 1, MOST_PLACES)
  if (afterDead !== 'continue' && afterDead !== 'stop') {
    throw invalid('afterDead', afterDead, "give 'continue' or 'stop'")
  }
  if (afterDead === 'stop' && limit > 1) {
    throw invalid('afterDead', afterDead, "'stop' needs a limit of 1, because several entries have no order")
  }
  if (!queue || groups.length !== 1) {
    throw invalid(
      'order',
      order,
      "it needs a work queue with one group, such as { groups: ['billing'], order: 'key' }; give each group a stream of its own",
    )
  }
  return { field, places: limit, stops: afterDead === 'stop' }
}

/** The due time of an add as the scripts take it: behind it a space and the key, if any. Throws PENKNIFE_INVALID for a wrong key. */
export function dueWithKey(order: Order | undefined, due: string, payload: unknown, given: unknown): string {
  const key = keyOf(order, payload, given)
  return key === '' ? due : `${due} ${key}`
}

/** The key of an entry; empty when it has none. */
export function keyOf(order: Order | undefined, payload: unknown, given: unknown): string {
  if (!order) {
    if (given === undefined) return ''
    throw invalid('key', given, "the stream has no order; give order: 'key' to createStream")
  }
  if (order.field === undefined) return given === undefined ? '' : checkKey('key', given)
  if (given !== undefined) {
    throw invalid('key', given, `the key is the field '${order.field}' of the payload; leave 'key' out`)
  }
  const value: unknown = (payload as Record<string, unknown> | null | undefined)?.[order.field]
  return checkKey(`payload.${order.field}`, typeof value === 'number' ? String(value) : value)
}

function checkKey(name: string, key: unknown): string {
  // Control characters separate the parts of a call.
  // oxlint-disable-next-line no-control-regex
  if (typeof key !== 'string' || key === '' || key.length > LONGEST_KEY || /[\0-\x1f]/.test(key)) {
    disown(key)
    throw invalid(name, key, `give 1 to ${LONGEST_KEY} characters without control characters`)
  }
  if (!isWellFormed(key)) {
    throw invalid(
      name,
      key,
      'it contains half a surrogate pair (an emoji that was cut in two); cut text between code points',
    )
  }
  return key
}
