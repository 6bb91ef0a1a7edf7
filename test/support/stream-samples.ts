import type { Sample } from './sample.ts'
import {
  BURIED,
  DECLARES,
  ENDED,
  HELD,
  KEPT,
  KEYED,
  LEASED,
  LEASED_READY,
  LOG,
  LOWS,
  MANY,
  OF_SCHEDULES,
  SCHEDULED,
  STOPPED,
  TAGGED,
  addedId,
  busy,
  dead,
  delayed,
  latest,
  low,
  outcomes,
  paused,
  pausing,
  queued,
  ready,
  results,
  resultsDue,
  schedules,
  schedulesDue,
  stream,
  tags,
  written,
} from './stream-sample-parts.ts'
import { STREAM_WORKER_SAMPLES } from './stream-worker-samples.ts'

/** A call of add_priority. */
function prioritized(
  returns: Sample['returns'],
  limits: string,
  item: Sample['item'],
  before: Sample['before'] = [],
): Sample {
  const shared = [[stream, ready, low, delayed, busy, results, resultsDue], limits, 'billing', pausing]
  return { returns, shared, item, before, channels: [pausing] }
}

/** Samples of the scripts of streams. */
export const STREAM_SAMPLES: Readonly<Record<string, readonly Sample[]>> = {
  ...STREAM_WORKER_SAMPLES,
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
  'stream/add_priority': [
    ...(['h', 'l'] as const).flatMap((priority): Sample[] => [
      prioritized('string', '1 60 0 0 0 0 1 billing', [addedId, '{}', '', ';a3', '', 1000, priority]),
      prioritized(
        'string',
        '1 0 0 0 0 0 0 billing',
        [stream, '{}', '00-1', '', '', 0, priority],
        [...LEASED, ...LEASED_READY, ['XADD', stream, '3-1', 'd', '{}']],
      ),
    ]),
    prioritized(
      'string',
      '1 60 0 0 0 0 0 billing',
      [addedId, '{}', '', '', '', 1000, 'h'],
      [['SET', addedId, '1-1']],
    ),
    prioritized('string', '1 60 0 0 0 0 1 billing', [stream, '{}', '', ';l1u12', 'u12', 1000, 'l']),
    prioritized('string', '1 60 0 0 0 0 1 billing', [stream, '{}', '', '+5;l1u12', 'u12', 1000, 'l']),
    prioritized('string', '1 60 0 0 0 0 0 billing', [addedId, '{}', '00-1', '9000000000000', '', 1000, 'h']),
    prioritized(
      'string',
      '1 60 0 0 0 0 0 billing',
      [stream, '{}', '', ';u12', 'u12', 1000, 'h'],
      [
        ['HSET', results, 'u12', '1-1'],
        ['ZADD', resultsDue, 9e15, 'u12'],
      ],
    ),
    prioritized('null', '1 1 0 0 0 0 0 billing', [addedId, '{}', '', '', '', 1000, 'h'], LEASED),
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
  'stream/purge_keyed': [
    { returns: 'integer', shared: [HELD, 1], item: [dead, ready, '1-1'], before: STOPPED },
  ],
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
  'stream/overview': [{ returns: 'list', item: [stream], before: LEASED }],
  'stream/stats': [
    {
      returns: 'list',
      item: [stream, ready, delayed, dead, paused, busy, queued, low, 'billing'],
      before: [...LEASED, ...LOWS],
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
    {
      returns: 'list' as const,
      shared: [[...KEPT, paused], 0, 'billing', outcomes, pausing],
      item: [stream, ready, delayed, dead, '1-7', action, 'stream 0'],
      before: LOWS,
    },
  ]),
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
      item: [stream, ready, delayed, '9-9', 'low', '0'],
      before: LOWS,
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
}
