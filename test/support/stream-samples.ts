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
const latest = keys.latest('orders', 'order-1')
const settled = keys.settled('orders', 'w1')
const written = keys.written('orders', 'p1')
const busy = keys.busyPlaces('orders', 'billing')
const queued = keys.queued('orders', 'billing')
const HELD = [busy, queued]
const tags = keys.tags('orders')
/** An index of one entry, at its limit. */
const TAGGED: NonNullable<Sample['before']> = [
  ['ZADD', tags, 0, '\x01A1A1\x01user=ann', 1, 'user=ann\x01A1A1'],
]
const watched = keys.watched('orders')
const watching = keys.watching('orders')
const results = keys.results('orders', 'billing')
const resultsDue = keys.resultsDue('orders', 'billing')
const KEPT = [...HELD, results, resultsDue]
const outcomes = keys.outcomes('orders', 'billing')
const output = keys.output('orders', 'billing', '1-1')
const FENCE = '0000000000000001'
/** An outcome that is kept, and one whose time is over. */
const ENDED: NonNullable<Sample['before']> = [
  ['HSET', results, 'r1-1', 'd1', 'p1-1', '2', 'r1-2', 'c'],
  ['ZADD', resultsDue, 9e15, '1-1', 1, '1-2'],
]
const schedules = keys.schedules('orders')
const schedulesDue = keys.schedulesDue('orders')
const scheduleIds = keys.scheduleIds('orders')
const OF_SCHEDULES = [schedules, schedulesDue, scheduleIds]
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
/** Before them, without order by key: no places. */
const PLAIN: NonNullable<Sample['shared']> = [KEPT, 0, 0, '0 0', outcomes]
/** With order by key: its places, one for each key; a dead letter stops its key. */
const ORDERED: NonNullable<Sample['shared']> = [KEPT, 1, 1, '5 1000', outcomes]
/** An entry of key ann under the lease of w1, and one that is queued behind it. */
const KEYED: NonNullable<Sample['before']> = [
  ['XADD', stream, '1-1', 'd', '{}', 'k', 'ann'],
  ['XGROUP', 'CREATE', stream, 'billing', '0'],
  ['XREADGROUP', 'GROUP', 'billing', 'w1', 'STREAMS', stream, '>'],
  ['XGROUP', 'CREATE', ready, 'billing', '0', 'MKSTREAM'],
  ['HSET', busy, 'ann', 'm1-1'],
  ['ZADD', queued, 0, 'ann\0A1A2\0\0\0{}'],
]
/** A run of two entries of key ann under the lease of w1, and one that is queued behind it. */
const RUN: NonNullable<Sample['before']> = [
  ['XGROUP', 'CREATE', stream, 'billing', '0', 'MKSTREAM'],
  ['XADD', ready, '2-1', 'k', 'ann', 'm', 'ann\0A1A1\0\0\0{}', 'm', 'ann\0A1A2\0\0\0{}'],
  ['XGROUP', 'CREATE', ready, 'billing', '0'],
  ['XREADGROUP', 'GROUP', 'billing', 'w1', 'STREAMS', ready, '>'],
  ['HSET', busy, 'ann', 'r2-1/1:2', '\x01', 1],
  ['ZADD', queued, 0, 'ann\0A1A3\0\0\0{}'],
]
/** A dead letter that stops its key. */
const STOPPED: NonNullable<Sample['before']> = [
  ['XADD', dead, '1-1', ...'i 1-1 a 5 f 5 g billing k failed e why d {} q ann'.split(' ')],
  ['XADD', ready, '1-1', 'd', '{}'],
  ['HSET', busy, 'ann', 'x1-1'],
]
/** A schedule that is due, and whose entry 1-1 is not there any more. */
const SCHEDULED: NonNullable<Sample['before']> = [
  ['HSET', schedules, '#', 1, 'rnightly', 1, 'dnightly', '{}', 'pnightly', '', 'enightly', '1-1'],
  ['ZADD', schedulesDue, 1000, 'nightly'],
  ['ZADD', scheduleIds, 0, 'nightly'],
]
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

const subject = keys.limit(keys.route, 'api', 'ann')
const charges = keys.limitLog(keys.route, 'api/exact', 'ann')
const TOKENS = 'g 1 0 1 5 1000000 5000000 0'
/** Rules of which the last one has no token. */
const NO_TOKENS = `${TOKENS}\nl 2 0 5 0 1000000 0 0`

/** Takes a token for the entry at a position, of key ann where its place is given. */
function taking(where: string, before: NonNullable<Sample['before']>, place = '', denied = true): Sample {
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
    item: [...[subject, charges].slice(0, each), where, place, 0, 1, 2],
    before,
  }
}

/** Samples of the scripts of streams. */
export const STREAM_SAMPLES: Readonly<Record<string, readonly Sample[]>> = {
  'stream/add': [
    { returns: 'string', shared: [[stream], LOG], item: ['{}', '', ''] },
    { returns: 'string', shared: [[stream], DECLARES], item: ['{}', '', ''], before: LEASED },
    { returns: 'string', shared: [[stream], LOG], item: ['{}', '00-a-b-01', '+500'] },
    { returns: 'string', shared: [[stream], '0 0 1 1 1 0 0 '], item: ['{}', '', ''], before: MANY },
    { returns: 'null', shared: [[stream], '0 60 1 0 0 0 0 '], item: ['{}', '', ''], before: MANY },
    { returns: 'null', shared: [[stream], '1 60 0 0 0 0 0 '], item: ['{}', '', ''], before: MANY },
    {
      returns: 'string',
      shared: [[stream, tags], `${LOG};1 60000`],
      item: ['{}\x01user=ann\x01order=7', '', ''],
      before: TAGGED,
    },
    ...['+500 ann', ' ann', ' bob'].map((due): Sample => ({
      returns: 'string',
      shared: [[stream, ...HELD], '2 60 0 0 0 0 0 billing'],
      item: ['{}', '', due],
      before: KEYED,
    })),
  ],
  'stream/add_once': [
    { returns: 'string', shared: [[stream], LOG], item: [addedId, '{}', '', '', 1000] },
    {
      returns: 'string',
      shared: [[stream], LOG],
      item: [addedId, '{}', '', '', 1000],
      before: [['SET', addedId, '1-1']],
    },
    {
      returns: 'null',
      shared: [[stream], '1 60 0 0 0 0 0 '],
      item: [addedId, '{}', '', '', 1000],
      before: MANY,
    },
  ],
  'stream/add_batch': [
    { returns: 'list', shared: [[stream], LOG], item: [written, 1, '{}\n{}\n'] },
    { returns: 'list', shared: [[stream], DECLARES], item: [written, 2, '{}\n'], before: LEASED },
    {
      returns: 'list',
      shared: [[stream], LOG],
      item: [written, 2, '{}\n'],
      before: [['SET', written, '2 1']],
    },
    { returns: 'list', shared: [[stream], '0 0 1 0 0 1 0 '], item: [written, 1, '{}\n'], before: MANY },
    { returns: 'list', shared: [[stream], '1 60 0 0 0 0 0 '], item: [written, 1, '{}\n'], before: MANY },
  ],
  'stream/erase': [{ returns: 'integer', item: [stream, '1-1'], before: LEASED }],
  'stream/replace': [
    { returns: 'integer', shared: [[stream], LOG], item: ['1-1', '{}'], before: LEASED },
    { returns: 'integer', shared: [[stream], LOG], item: ['9-9', '{}'], before: LEASED },
    { returns: 'integer', shared: [[stream], '0 1 9 0 0 0 0 '], item: ['1-1', '{}'], before: LEASED },
  ],
  'stream/take_tokens': [
    taking('m1-1', LEASED, '', false),
    taking('m1-1', LEASED),
    taking('r2-1', [...LEASED, ...LEASED_READY]),
    taking('m1-1', KEYED, 'ann'),
    taking('r2-1/1', RUN, 'ann'),
    taking('r2-1/2', RUN, 'ann'),
    taking('m7-7', LEASED),
    {
      returns: 'integer',
      shared: [[stream, ready, delayed], 1, 0, 'billing', 'w1', '-', 'c 1 0 3 5 0 1 2 0'],
      item: [subject, 'm1-1', '', 0, 1, 0],
      before: LEASED,
    },
  ],
  'stream/add_high': [
    {
      returns: 'string',
      shared: [[stream, ready], '1 60 0 0 0 0 1 billing'],
      item: [addedId, '{}', '', ';a3', 1000],
    },
    {
      returns: 'string',
      shared: [[stream, ready], '1 0 0 0 0 0 0 billing'],
      item: [stream, '{}', '00-1', '', 0],
      before: [...LEASED, ...LEASED_READY],
    },
    {
      returns: 'string',
      shared: [[stream, ready], '1 60 0 0 0 0 0 billing'],
      item: [addedId, '{}', '', '', 1000],
      before: [['SET', addedId, '1-1']],
    },
    {
      returns: 'null',
      shared: [[stream, ready], '1 1 0 0 0 0 0 billing'],
      item: [addedId, '{}', '', '', 1000],
      before: LEASED,
    },
  ],
  'stream/add_latest': [
    {
      returns: 'string',
      shared: [[stream, delayed], '1 60 0 0 0 0 1 billing', pausing],
      item: [latest, '{}', '00-1', '+1000;a3'],
      channels: [pausing],
    },
    {
      returns: 'string',
      shared: [[stream, delayed], '1 60 0 0 0 0 0 billing', pausing],
      item: [latest, '{}', '', '+1000'],
      channels: [pausing],
      before: [
        ['ZADD', delayed, 9e12, Buffer.from('\x94\xa31-1\0\0\xa2{}', 'latin1')],
        ['SET', latest, Buffer.from('\x94\xa31-1\0\0\xa2{}', 'latin1')],
      ],
    },
    {
      returns: 'string',
      shared: [[stream, delayed, tags], '1 60 0 0 0 0 0 billing;9 60000', pausing],
      item: [latest, '{}\x01user=bob', '', '+1000'],
      channels: [pausing],
      before: [
        ...TAGGED,
        ['ZADD', delayed, 9e12, Buffer.from('\x94\xa31-1\0\0\xa2{}', 'latin1')],
        ['SET', latest, Buffer.from('\x94\xa31-1\0\0\xa2{}', 'latin1')],
      ],
    },
    {
      returns: 'null',
      shared: [[stream, delayed], '1 1 0 0 0 0 0 billing', pausing],
      item: [latest, '{}', '', '+1000'],
      channels: [pausing],
      before: LEASED,
    },
  ],
  'stream/tagged': [
    { returns: 'list', item: [tags, 'user=ann', '', 10], before: TAGGED },
    { returns: 'list', item: [tags, 'user=ann\x01order=7', '2-1', 10], before: TAGGED },
  ],
  'stream/leave': [
    {
      returns: 'integer',
      shared: [[], ...WORKER],
      item: [stream, ready, delayed, settled, 0],
      before: LEASED,
    },
    {
      returns: 'integer',
      shared: [[], 'billing', 'w9', 'billing'],
      item: [stream, ready, delayed, settled, 0],
      before: LEASED,
    },
    {
      returns: 'integer',
      shared: [HELD, 'billing', 'w1', 'billing'],
      item: [stream, ready, delayed, settled, 1],
      before: KEYED,
    },
  ],
  'stream/maintain': [
    {
      returns: 'list',
      shared: [...PLAIN, ...WORKER, 0, 5],
      item: [stream, ready, delayed, dead, paused, watched, '0-0', '0-0'],
      before: [...LEASED, ...LEASED_READY],
    },
    {
      returns: 'list',
      shared: [...PLAIN, ...WORKER, 0, 1],
      item: [stream, ready, delayed, dead, paused, watched, '0-0', '0-0'],
      before: [...LEASED, ['XGROUP', 'CREATE', ready, 'billing', '0', 'MKSTREAM']],
    },
    ...[1, 5].map((attempts): Sample => ({
      returns: 'list',
      shared: [...ORDERED, 'billing', 'w1', 'billing', 0, attempts],
      item: [stream, ready, delayed, dead, paused, watched, '0-0', '0-0'],
      before: KEYED,
    })),
  ],
  'stream/check_places': [
    {
      returns: 'list',
      shared: [HELD, 1, 'billing'],
      item: [stream, ready, delayed, dead, '0', ''],
      before: [...KEYED, ['HSET', busy, 'bob', 'm9-9', 'cay', 'd5/9-9', 'dan', 'r9-9']],
    },
  ],
  'stream/purge_keyed': [
    { returns: 'integer', shared: [HELD, 1], item: [dead, ready, '1-1'], before: STOPPED },
  ],
  'stream/fetch': ['', '0-0 0-0'].map((from): Sample => ({
    returns: 'list',
    shared: [[ready, stream], 'billing', 'w1'],
    item: [10, from],
    before: [...LEASED, ...LEASED_READY],
  })),
  'stream/open': [{ returns: 'integer', item: [stream, ready, paused, 'billing', '0'] }],
  'stream/page': [{ returns: 'list', item: [stream, '-', '+', 10, 1000, 'XRANGE'], before: LEASED }],
  'stream/add_unfinished': [
    {
      returns: 'null',
      shared: [[stream], '1 60 0 0 0 0 0 '],
      item: [results, resultsDue, 'u12', '{}', '', ';u12', 1000],
      before: MANY,
    },
    {
      returns: 'string',
      shared: [[stream], LOG],
      item: [results, resultsDue, 'u12', '{}', '', ';u12', 1000],
    },
    {
      returns: 'string',
      shared: [[stream], LOG],
      item: [results, resultsDue, 'u12', '{}', '', ';u12', 1000],
      before: [
        ['XADD', stream, '1-1', 'd', '{}', 'o', 'u12'],
        ['HSET', results, 'u12', '1-1'],
        ['ZADD', resultsDue, 9e15, 'u12'],
      ],
    },
  ],
  'stream/renew': [
    {
      returns: 'string',
      shared: [[], 'billing', 'w1'],
      item: [stream, '1-1 1-2', '', 1],
      before: LEASED,
    },
    {
      returns: 'string',
      shared: [HELD, 'billing', 'w1'],
      item: [ready, '2-1/1 2-1/2 2-1/3', '["ann","ann","ann"]', 0],
      before: RUN,
    },
  ],
  'stream/settle': [
    ...['[[],["2-1/1:2"],[],["ann"],2]', '[[],["2-1/2"],[],["ann"],2]'].map((finished): Sample => ({
      returns: 'string',
      shared: [...ORDERED, 'billing', 'w1', 'billing'],
      item: [stream, ready, delayed, dead, settled, 1, finished, '[]'],
      before: RUN,
    })),
    {
      returns: 'string',
      shared: [...PLAIN, ...WORKER],
      item: [stream, ready, delayed, dead, settled, 1, '[["1-1"],["2-1","9-9"]]', '[]'],
      before: [...LEASED, ...LEASED_READY],
    },
    ...['retrying', 'delayed', 'waiting', 'dead'].map((to): Sample => ({
      returns: 'string',
      shared: [...PLAIN, 'billing', 'w1', 'billing'],
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
    {
      returns: 'string',
      shared: [...ORDERED, 'billing', 'w1', 'billing'],
      item: [stream, ready, delayed, dead, settled, 1, '[["1-1"],[],["ann"],[],4]', '[]'],
      before: KEYED,
    },
    ...['retrying', 'delayed', 'waiting', 'dead'].map((to): Sample => ({
      returns: 'string',
      shared: [...ORDERED, 'billing', 'w1', 'billing'],
      item: [
        stream,
        ready,
        delayed,
        dead,
        settled,
        1,
        '[[],[],[],[],1]',
        JSON.stringify([['m', '1-1', to, 1, 1, 5, 'failed', 'why']]),
      ],
      before: KEYED,
    })),
  ],
  'stream/overview': [{ returns: 'list', item: [stream], before: LEASED }],
  'stream/stats': [
    {
      returns: 'list',
      item: [stream, ready, delayed, dead, paused, busy, queued, 'billing'],
      before: LEASED,
    },
  ],
  'stream/pause': [
    { returns: 'integer', item: [paused, 1, pausing], channels: [pausing] },
    { returns: 'integer', item: [paused, 0, pausing], channels: [pausing] },
  ],
  'stream/reset': [
    {
      returns: 'list',
      item: [stream, ready, delayed, 'billing', '0-0', 0, pausing],
      channels: [pausing],
      before: LEASED,
    },
    {
      returns: 'list',
      item: [stream, ready, delayed, 'billing', '$', 1, pausing],
      channels: [pausing],
      before: LEASED,
    },
  ],
  'stream/locate': ['find', 'show', 'why', 'cancel', 'move 5', 'move 9000000000000000'].flatMap((action) => [
    {
      returns: 'list' as const,
      shared: [[...KEPT, paused], 1, 'billing', outcomes, pausing],
      item: [stream, ready, delayed, dead, '1-1', action, 'stream 0'],
      before: KEYED,
    },
    {
      returns: 'list' as const,
      shared: [[...KEPT, paused], 0, 'billing', outcomes, pausing],
      item: [stream, ready, delayed, dead, '1-1', action, 'ready 0'],
      before: [...LEASED, ...LEASED_READY],
    },
    {
      returns: 'list' as const,
      shared: [[...KEPT, paused], 0, 'billing', outcomes, pausing],
      item: [stream, ready, delayed, dead, '1-1', action, 'stream 0'],
      before: [
        ['XADD', stream, '1-1', 'd', '{}', 'o', 'a1r60000'],
        ['XGROUP', 'CREATE', stream, 'billing', '0'],
      ],
    },
    {
      returns: 'list' as const,
      shared: [[...KEPT, paused], 0, 'billing', outcomes, pausing],
      item: [stream, ready, delayed, dead, '1-1', action, 'dead 0'],
      before: [...BURIED, ...ENDED],
    },
  ]),
  'stream/hold': [{ returns: 'integer', item: [paused, 1000, pausing], channels: [pausing] }],
  'stream/watch': [{ returns: 'integer', item: [watched, 1000, pausing], channels: [pausing] }],
  'stream/announce': [{ returns: 'integer', item: [watching, '[]'], channels: [watching] }],
  'stream/progress': [
    {
      returns: 'integer',
      shared: [[results, resultsDue], 'billing', 'w1', outcomes],
      item: [stream, '1-1', '1-1', 60_000, '5'],
      before: [...LEASED, ...ENDED],
    },
    {
      returns: 'integer',
      shared: [[results, resultsDue], 'billing', 'w1', outcomes],
      item: [stream, '1-3', '1-3', 60_000, '5'],
      before: ENDED,
    },
  ],
  'stream/write': [
    {
      returns: 'integer',
      shared: ['billing', 'w1', outcomes],
      item: [stream, output, '1-1', '1-1', FENCE, 60_000, 'text'],
      before: [...LEASED, ['SET', output, `${FENCE}some `]],
    },
  ],
  'stream/output': [
    { returns: 'list', item: [output, FENCE, 2], before: [['SET', output, `${FENCE}some text`]] },
  ],
  'stream/clear': [
    {
      returns: 'list',
      shared: [KEPT, 0, 'billing', outcomes, 'billing mailing'],
      item: [stream, ready, delayed, '', 'stream', '0'],
      before: MANY,
    },
    {
      returns: 'list',
      shared: [KEPT, 1, 'billing', outcomes, 'billing'],
      item: [stream, ready, delayed, '9-9', 'queued', '0'],
      before: KEYED,
    },
    {
      returns: 'list',
      shared: [KEPT, 0, 'billing', outcomes, 'billing'],
      item: [stream, ready, delayed, '9-9', 'ready', '0'],
      before: [...LEASED, ...LEASED_READY],
    },
  ],
  'stream/drop': [
    {
      returns: 'integer',
      shared: [KEPT],
      item: [stream, ready, delayed, dead, paused, 'billing', 0],
      before: LEASED,
    },
    {
      returns: 'string',
      shared: [KEPT],
      item: [stream, ready, delayed, dead, paused, 'billing', 60_000],
      before: LEASED,
    },
  ],
  'stream/sweep': [
    { returns: 'null', shared: ['billing'], item: [stream, '-'], before: LEASED },
    { returns: 'string', shared: ['billing'], item: [stream, '-'], before: MANY_READ },
  ],
  'stream/schedule_read': [
    { returns: 'list', item: [schedules, schedulesDue, 'nightly'], before: SCHEDULED },
  ],
  'stream/schedule_write': [
    { returns: 'integer', item: [...OF_SCHEDULES, 'other', '', '{}', '5000', '', '1'], before: SCHEDULED },
    {
      returns: 'integer',
      item: [...OF_SCHEDULES, 'nightly', '1 1000', '{}', '', '1', ''],
      before: SCHEDULED,
    },
    { returns: 'integer', item: [...OF_SCHEDULES, 'nightly', '0 1', '{}', '', '', ''], before: SCHEDULED },
  ],
  'stream/schedule_remove': [{ returns: 'integer', item: [...OF_SCHEDULES, 'nightly'], before: SCHEDULED }],
  'stream/schedules_due': [{ returns: 'list', item: [schedules, schedulesDue, 0], before: SCHEDULED }],
  'stream/schedules_list': [{ returns: 'list', item: [...OF_SCHEDULES, '', 10], before: SCHEDULED }],
  'stream/schedule_tick': [
    {
      returns: 'string',
      shared: [DECLARES],
      item: [stream, ...OF_SCHEDULES, 'nightly', '1 1000', '5000', '{}', '', ''],
      before: SCHEDULED,
    },
    {
      returns: 'string',
      shared: [LOG],
      item: [stream, ...OF_SCHEDULES, 'nightly', '1 1000', '', '', '', ''],
      before: SCHEDULED,
    },
    {
      returns: 'string',
      shared: [LOG],
      item: [stream, ...OF_SCHEDULES, ready, delayed, 'nightly', '1 1000', '5000', '{}', 'billing', ''],
      before: [
        ...SCHEDULED,
        ['XADD', ready, '2-1', 'i', '1-7', 'a', 0, 'f', 1, 'd', '{}'],
        ['ZADD', delayed, 5, 'x'],
      ],
    },
    {
      returns: 'string',
      shared: ['2 0 0 0 0 0 0 billing'],
      item: [
        stream,
        ...OF_SCHEDULES,
        ready,
        delayed,
        ...HELD,
        'nightly',
        '1 1000',
        '5000',
        '{}',
        'billing',
        'ann',
      ],
      before: SCHEDULED,
    },
  ],
  'stream/requeue': [
    { returns: 'integer', shared: [KEPT, 0], item: [dead, ready, '1-1', ''], before: BURIED },
    { returns: 'integer', shared: [KEPT, 1], item: [dead, ready, '1-1', '2'], before: STOPPED },
  ],
  'stream/purge': [{ returns: 'integer', item: [dead, '1-1'], before: BURIED }],
  'stream/forget_consumers': [
    {
      returns: 'integer',
      item: [stream, ready, 'billing', 0],
      before: [...LEASED, ['XGROUP', 'CREATE', ready, 'billing', '0', 'MKSTREAM']],
    },
  ],
}
