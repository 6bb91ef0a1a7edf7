import { createKeys } from '../../packages/core/src/redis/keys.ts'
import type { Sample } from './sample.ts'

const keys = createKeys('samples', { keyPrefix: 'app:', db: 0 })
const stream = keys.stream('orders')
const ready = keys.ready('orders', 'billing')
const delayed = keys.delayed('orders', 'billing')
const dead = keys.deadLetters('orders', 'billing')
const paused = keys.paused('orders', 'billing')
const pausing = keys.pausing('orders', 'billing')
const addedId = keys.addedId('orders', 'order-1')
const settled = keys.settled('orders', 'w1')
/** An entry under the lease of consumer w1 of group billing, at its first delivery. */
const LEASED: NonNullable<Sample['before']> = [
  ['XADD', stream, '1-1', 'd', '{}'],
  ['XGROUP', 'CREATE', stream, 'billing', '0'],
  ['XREADGROUP', 'GROUP', 'billing', 'w1', 'STREAMS', stream, '>'],
]
/** As LEASED, for an entry that is handled again. Another group exists and lags. */
const LEASED_READY: NonNullable<Sample['before']> = [
  ['XADD', ready, '2-1', 'i', '1-1', 'a', 1, 'f', 1, 'd', '{}'],
  ['XGROUP', 'CREATE', ready, 'billing', '0'],
  ['XREADGROUP', 'GROUP', 'billing', 'w1', 'STREAMS', ready, '>'],
  ['XGROUP', 'CREATE', stream, 'mailing', '0'],
]
/** Group, consumer and declared groups. */
const WORKER: NonNullable<Sample['shared']> = ['billing', 'w1', 'billing mailing']
const LOG = '0 0 1000 0 0 0 0 '
const DECLARES = '0 0 1000 0 0 0 1 billing mailing'
/** So many that the next add trims, and a group that has read none of them. */
const MANY: NonNullable<Sample['before']> = [
  ...Array.from({ length: 63 }, (_, at) => ['XADD', stream, `1-${at + 1}`, 'd', '{}']),
  ['XGROUP', 'CREATE', stream, 'billing', '0'],
]
/** Twenty entries that group billing was given and finished. */
const MANY_READ: NonNullable<Sample['before']> = [
  ...Array.from({ length: 20 }, (_, at) => ['XADD', stream, `1-${at + 1}`, 'd', '{}']),
  ['XGROUP', 'CREATE', stream, 'billing', '1-20'],
]
/** A dead letter of group billing. */
const BURIED: NonNullable<Sample['before']> = [
  ['XADD', dead, '1-1', 'i', '1-1', 'a', 5, 'f', 5, 'g', 'billing', 'k', 'failed', 'e', 'why', 'd', '{}'],
]

/** Samples of the scripts of streams. */
export const STREAM_SAMPLES: Readonly<Record<string, readonly Sample[]>> = {
  'stream/add': [
    { returns: 'string', shared: [[stream], LOG], item: ['{}', '', ''] },
    { returns: 'string', shared: [[stream], DECLARES], item: ['{}', '', ''], before: LEASED },
    { returns: 'string', shared: [[stream], LOG], item: ['{}', '00-a-b-01', '+500'] },
    { returns: 'string', shared: [[stream], '0 0 1 1 1 0 0 '], item: ['{}', '', ''], before: MANY },
    { returns: 'null', shared: [[stream], '0 60 1 0 0 0 0 '], item: ['{}', '', ''], before: MANY },
    { returns: 'null', shared: [[stream], '1 60 0 0 0 0 0 '], item: ['{}', '', ''], before: MANY },
  ],
  'stream/add_once': [
    { returns: 'string', shared: [LOG], item: [stream, addedId, '{}', '', '', 1000] },
    {
      returns: 'string',
      shared: [LOG],
      item: [stream, addedId, '{}', '', '', 1000],
      before: [['SET', addedId, '1-1']],
    },
    {
      returns: 'null',
      shared: ['1 60 0 0 0 0 0 '],
      item: [stream, addedId, '{}', '', '', 1000],
      before: MANY,
    },
  ],
  'stream/leave': [
    { returns: 'integer', shared: WORKER, item: [stream, ready, delayed, settled], before: LEASED },
    {
      returns: 'integer',
      shared: ['billing', 'w9', 'billing'],
      item: [stream, ready, delayed, settled],
      before: LEASED,
    },
  ],
  'stream/maintain': [
    {
      returns: 'list',
      shared: [...WORKER, 0, 5],
      item: [stream, ready, delayed, dead, paused, '0-0', '0-0'],
      before: [...LEASED, ...LEASED_READY],
    },
    {
      returns: 'list',
      shared: [...WORKER, 0, 1],
      item: [stream, ready, delayed, dead, paused, '0-0', '0-0'],
      before: [...LEASED, ['XGROUP', 'CREATE', ready, 'billing', '0', 'MKSTREAM']],
    },
  ],
  'stream/open': [{ returns: 'integer', item: [stream, ready, paused, 'billing', '0'] }],
  'stream/page': [{ returns: 'list', item: [stream, '-', '+', 10, 1000, 'XRANGE'], before: LEASED }],
  'stream/renew': [
    { returns: 'string', shared: ['billing', 'w1'], item: [stream, '1-1 1-2', 1], before: LEASED },
  ],
  'stream/settle': [
    {
      returns: 'string',
      shared: WORKER,
      item: [stream, ready, delayed, dead, settled, 1, '[["1-1"],["2-1","9-9"]]', '[]'],
      before: [...LEASED, ...LEASED_READY],
    },
    ...['retrying', 'delayed', 'waiting', 'dead'].map((to): Sample => ({
      returns: 'string',
      shared: ['billing', 'w1', 'billing'],
      item: [
        stream,
        ready,
        delayed,
        dead,
        settled,
        1,
        '[[],[]]',
        JSON.stringify([['m', '1-1', to, 1, 1, 5, 'failed', 'why']]),
      ],
      before: LEASED,
    })),
  ],
  'stream/overview': [{ returns: 'list', item: [stream], before: LEASED }],
  'stream/stats': [
    { returns: 'list', item: [stream, ready, delayed, dead, paused, 'billing'], before: LEASED },
  ],
  'stream/pause': [
    { returns: 'integer', item: [paused, 1, pausing], channels: [pausing] },
    { returns: 'integer', item: [paused, 0, pausing], channels: [pausing] },
  ],
  'stream/reset': [
    { returns: 'list', item: [stream, ready, delayed, 'billing', '0-0', 0], before: LEASED },
    { returns: 'list', item: [stream, ready, delayed, 'billing', '$', 1], before: LEASED },
  ],
  'stream/drop': [
    { returns: 'integer', item: [stream, ready, delayed, dead, paused, 'billing', 0], before: LEASED },
    { returns: 'string', item: [stream, ready, delayed, dead, paused, 'billing', 60_000], before: LEASED },
  ],
  'stream/sweep': [
    { returns: 'null', shared: ['billing'], item: [stream, '-'], before: LEASED },
    { returns: 'string', shared: ['billing'], item: [stream, '-'], before: MANY_READ },
  ],
  'stream/requeue': [{ returns: 'integer', item: [dead, ready, '1-1'], before: BURIED }],
  'stream/purge': [{ returns: 'integer', item: [dead, '1-1'], before: BURIED }],
  'stream/forget_consumers': [
    {
      returns: 'integer',
      item: [stream, ready, 'billing', 0],
      before: [...LEASED, ['XGROUP', 'CREATE', ready, 'billing', '0', 'MKSTREAM']],
    },
  ],
}
