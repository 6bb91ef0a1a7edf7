import { createKeys } from '../../packages/core/src/redis/keys.ts'
import type { Sample } from './sample.ts'

export const keys = createKeys('samples', { keyPrefix: 'app:', db: 0 })
export const stream = keys.stream('orders')
export const ready = keys.ready('orders', 'billing')
export const delayed = keys.delayed('orders', 'billing')
export const dead = keys.deadLetters('orders', 'billing')
export const paused = keys.paused('orders', 'billing')
export const pausing = keys.pausing('orders', 'billing')
export const addedId = keys.addedId('orders', 'order-1')
export const latest = keys.latest('orders', 'order-1')
export const settled = keys.settled('orders', 'w1')
export const written = keys.written('orders', 'p1')
export const busy = keys.busyPlaces('orders', 'billing')
export const queued = keys.queued('orders', 'billing')
export const HELD = [busy, queued]
export const tags = keys.tags('orders')
/** An index of one entry, at its limit. */
export const TAGGED: NonNullable<Sample['before']> = [
  ['ZADD', tags, 0, '\x01A1A1\x01user=ann', 1, 'user=ann\x01A1A1'],
]
export const watched = keys.watched('orders')
export const watching = keys.watching('orders')
export const results = keys.results('orders', 'billing')
export const resultsDue = keys.resultsDue('orders', 'billing')
export const low = keys.low('orders', 'billing')
export const KEPT = [...HELD, results, resultsDue, low]
/** Two entries of low priority that wait. */
export const LOWS: NonNullable<Sample['before']> = [
  ['ZADD', low, 0, '\0A1A7\0\x000 0 0 l1\0{}', 0, '\0A1A8\0\x000 0 0 l1\0{}'],
]
export const outcomes = keys.outcomes('orders', 'billing')
export const output = keys.output('orders', 'billing', '1-1')
export const FENCE = '0000000000000001'
/** An outcome that is kept, and one whose time is over. */
export const ENDED: NonNullable<Sample['before']> = [
  ['HSET', results, 'r1-1', 'd1', 'p1-1', '2', 'r1-2', 'c'],
  ['ZADD', resultsDue, 9e15, '1-1', 1, '1-2'],
]
export const schedules = keys.schedules('orders')
export const schedulesDue = keys.schedulesDue('orders')
export const scheduleIds = keys.scheduleIds('orders')
export const OF_SCHEDULES = [schedules, schedulesDue, scheduleIds]
/** An entry under the lease of consumer w1 of group billing, at its first delivery. */
export const LEASED: NonNullable<Sample['before']> = [
  ['XADD', stream, '1-1', 'd', '{}'],
  ['XGROUP', 'CREATE', stream, 'billing', '0'],
  ['XREADGROUP', 'GROUP', 'billing', 'w1', 'STREAMS', stream, '>'],
]
/** As LEASED, for an entry that is handled again. Another group exists and lags. */
export const LEASED_READY: NonNullable<Sample['before']> = [
  ['XADD', ready, '2-1', 'i', '1-1', 'a', 1, 'f', 1, 'd', '{}'],
  ['XGROUP', 'CREATE', ready, 'billing', '0'],
  ['XREADGROUP', 'GROUP', 'billing', 'w1', 'STREAMS', ready, '>'],
  ['XGROUP', 'CREATE', stream, 'mailing', '0'],
]
/** Group, consumer and declared groups. */
export const WORKER: NonNullable<Sample['shared']> = ['billing', 'w1', 'billing mailing']
/** Before them, without order by key: no places. */
export const PLAIN: NonNullable<Sample['shared']> = [KEPT, 0, 0, '0 0', outcomes]
/** With order by key: its places, one for each key; a dead letter stops its key. */
export const ORDERED: NonNullable<Sample['shared']> = [KEPT, 1, 1, '5 1000', outcomes]
/** An entry of key ann under the lease of w1, and one that is queued behind it. */
export const KEYED: NonNullable<Sample['before']> = [
  ['XADD', stream, '1-1', 'd', '{}', 'k', 'ann'],
  ['XGROUP', 'CREATE', stream, 'billing', '0'],
  ['XREADGROUP', 'GROUP', 'billing', 'w1', 'STREAMS', stream, '>'],
  ['XGROUP', 'CREATE', ready, 'billing', '0', 'MKSTREAM'],
  ['HSET', busy, 'ann', 'm1-1'],
  ['ZADD', queued, 0, 'ann\0A1A2\0\0\0{}'],
]
/** A run of two entries of key ann under the lease of w1, and one that is queued behind it. */
export const RUN: NonNullable<Sample['before']> = [
  ['XGROUP', 'CREATE', stream, 'billing', '0', 'MKSTREAM'],
  ['XADD', ready, '2-1', 'k', 'ann', 'm', 'ann\0A1A1\0\0\0{}', 'm', 'ann\0A1A2\0\0\0{}'],
  ['XGROUP', 'CREATE', ready, 'billing', '0'],
  ['XREADGROUP', 'GROUP', 'billing', 'w1', 'STREAMS', ready, '>'],
  ['HSET', busy, 'ann', 'r2-1/1:2', '\x01', 1],
  ['ZADD', queued, 0, 'ann\0A1A3\0\0\0{}'],
]
/** A dead letter that stops its key. */
export const STOPPED: NonNullable<Sample['before']> = [
  ['XADD', dead, '1-1', ...'i 1-1 a 5 f 5 g billing k failed e why d {} q ann'.split(' ')],
  ['XADD', ready, '1-1', 'd', '{}'],
  ['HSET', busy, 'ann', 'x1-1'],
]
/** A schedule that is due, and whose entry 1-1 is not there any more. */
export const SCHEDULED: NonNullable<Sample['before']> = [
  ['HSET', schedules, '#', 1, 'rnightly', 1, 'dnightly', '{}', 'pnightly', '', 'enightly', '1-1'],
  ['ZADD', schedulesDue, 1000, 'nightly'],
  ['ZADD', scheduleIds, 0, 'nightly'],
]
export const LOG = '0 0 1000 0 0 0 0 '
export const DECLARES = '0 0 1000 0 0 0 1 billing mailing'
/** So many that the next add trims, and a group that has read none of them. */
export const MANY: NonNullable<Sample['before']> = [
  ...Array.from({ length: 63 }, (_, at) => ['XADD', stream, `1-${at + 1}`, 'd', '{}']),
  ['XGROUP', 'CREATE', stream, 'billing', '0'],
]
/** Twenty entries that group billing was given and finished. */
export const MANY_READ: NonNullable<Sample['before']> = [
  ...Array.from({ length: 20 }, (_, at) => ['XADD', stream, `1-${at + 1}`, 'd', '{}']),
  ['XGROUP', 'CREATE', stream, 'billing', '1-20'],
]
/** A dead letter of group billing. */
export const BURIED: NonNullable<Sample['before']> = [
  ['XADD', dead, '1-1', 'i', '1-1', 'a', 5, 'f', 5, 'g', 'billing', 'k', 'failed', 'e', 'why', 'd', '{}'],
]

export const subject = keys.limit(keys.route, 'api', 'ann')
export const charges = keys.limitLog(keys.route, 'api/exact', 'ann')
export const TOKENS = 'g 1 0 1 5 1000000 5000000 0'
/** Rules of which the last one has no token. */
export const NO_TOKENS = `${TOKENS}\nl 2 0 5 0 1000000 0 0`

/** Takes a token for the entry at a position, of key ann where its place is given. */
export function taking(
  where: string,
  before: NonNullable<Sample['before']>,
  place = '',
  denied = true,
): Sample {
  const [each, rules] = denied ? [2, NO_TOKENS] : [1, TOKENS]
  const [most, declared] = place === '' ? [0, 'billing mailing'] : [1, 'billing']
  return {
    returns: 'string',
    shared: [
      [stream, ready, delayed, ...(most === 0 ? [] : HELD)],
      each,
      most,
      'billing',
      'w1',
      declared,
      rules,
    ],
    item: [...[subject, charges].slice(0, each), where, place, 0, 1, 200, 160],
    before,
  }
}
