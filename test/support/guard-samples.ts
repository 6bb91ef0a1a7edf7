import { createKeys } from '../../packages/core/src/redis/keys.ts'
import type { Arg } from '../../packages/core/src/redis/script.ts'
import type { Sample } from './sample.ts'

const keys = createKeys('samples', { keyPrefix: 'app:', db: 0 })
const shard = keys.shard('ann')
const LATER = '4000000000000000'
const counterKeys = [
  keys.guard('counter', 'stock'),
  keys.guard('counter', 'stock', 'expiring'),
  keys.guard('counter', 'stock', 'reserved'),
] as const
const COUNTERS: readonly [readonly string[], string] = [counterKeys, '0 100 10 60000']
/** Periods of a calendar that are over. */
const PAST_COUNTERS: readonly [readonly string[], string] = [
  [...counterKeys, ...counterKeys.map((key) => `${key}:next`)],
  '0 100 10 60000 1 2 3 4 5',
]
/** An open reservation, and one that expired. */
const RESERVED: NonNullable<Sample['before']> = [
  ['HSET', counterKeys[0], 'a', '8 -3 0', 'b', '5'],
  ['HSET', counterKeys[2], 'open', 'r\n-1 a', 'late', 'r\n-2 a'],
  ['ZADD', counterKeys[1], LATER, 'open', 1, 'late'],
]
/** More reservations than two calls end. */
const MANY_EXPIRED: NonNullable<Sample['before']> = [
  ['ZADD', counterKeys[1], ...Array.from({ length: 400 }, (_, at): readonly Arg[] => [1, `r${at}`]).flat()],
]
const counterId = keys.guardOf('counter-id', 'stock', 'order-1')

const claimed = keys.guardOf('once', 'charge', 'order-1')
const claimedLive = keys.guardLive('once', 'charge', 'order-1')
const requested = keys.guardShardOf(shard, 'request', 'http', 'id')
const seenIds = keys.guardShard(shard, 'seen', 'mails')

const fence = keys.guard('fence', 'last')
const [lockA, queueA] = [keys.guardOf('lock', 'orders', 'a'), keys.guardOf('lock-queue', 'orders', 'a')]
const [lockB, queueB] = [keys.guardOf('lock', 'orders', 'b'), keys.guardOf('lock-queue', 'orders', 'b')]
const lockChannel = keys.guardLive('lock-process', 'orders', '')
const [permits, extraPermits, permitQueue] = [
  keys.guardOf('permit', 'jobs', 'a'),
  keys.guardOf('permit-extra', 'jobs', 'a'),
  keys.guardOf('permit-queue', 'jobs', 'a'),
]
const LOCKED: NonNullable<Sample['before']> = [['SET', lockA, `${LATER} 5 me:1 label`]]
const PERMITTED: NonNullable<Sample['before']> = [
  ['ZADD', permits, LATER, 'me:1:2', 1, 'late:1:2'],
  ['SET', extraPermits, 2],
]

const object = keys.guardOf('object', 'carts', 'ann')
const fenceOf = keys.guardOf('fence', 'of', 'plan')
const fencedValue = keys.guardOf('fence', 'value', 'plan')

/** Samples of the scripts of guard/. */
export const GUARD_SAMPLES: Readonly<Record<string, readonly Sample[]>> = {
  'guard/lock': [
    {
      returns: 'integer',
      shared: [[fence], lockChannel, 1000, 'me', 500],
      item: [lockA, queueA, 'me:1'],
    },
    {
      returns: 'string',
      shared: [[fence], lockChannel, 1000, 'me', 500],
      item: [lockA, queueA, 'you:1 +'],
      before: LOCKED,
    },
  ],
  'guard/lock_all': [
    {
      returns: 'integer',
      shared: [lockChannel, 1000, 'me', 500],
      item: [fence, lockA, queueA, lockB, queueB, 'me:1 + other'],
    },
    {
      returns: 'string',
      shared: [lockChannel, 1000, 'me', 500],
      item: [fence, lockA, queueA, lockB, queueB, 'you:1 +'],
      before: LOCKED,
    },
  ],
  'guard/unlock': [
    { returns: 'integer', shared: [lockChannel, 500], item: [lockA, queueA, 'me:1'], before: LOCKED },
  ],
  'guard/force_unlock': [
    { returns: 'integer', shared: [lockChannel, 500], item: [lockA, queueA, 7], before: LOCKED },
  ],
  'guard/unqueue': [
    {
      returns: 'integer',
      shared: [lockChannel, 500],
      item: [lockA, queueA, 'you:1'],
      before: [...LOCKED, ['ZADD', queueA, 7, 'you:1']],
    },
  ],
  'guard/relock': [{ returns: 'integer', shared: [1000], item: [lockA, 'me:1'], before: LOCKED }],
  'guard/locked': [
    { returns: 'list', item: [lockA, queueA], before: LOCKED },
    { returns: 'list', item: [lockA, queueA] },
  ],
  'guard/permit': [
    {
      returns: 'integer',
      shared: [[fence], lockChannel, 5, 1000, 500],
      item: [permits, extraPermits, permitQueue, 'you:1', '-'],
      before: PERMITTED,
    },
    {
      returns: 'string',
      shared: [[fence], lockChannel, 5, 1000, 500],
      item: [permits, extraPermits, permitQueue, 'you:1:4', '+'],
      before: PERMITTED,
    },
  ],
  'guard/unpermit': [
    {
      returns: 'integer',
      shared: [lockChannel, 5, 500],
      item: [permits, extraPermits, permitQueue, 'me:1:2', 0],
      before: PERMITTED,
    },
    {
      returns: 'integer',
      shared: [lockChannel, 5, 500],
      item: [permits, extraPermits, permitQueue, 'you:1', 1],
      before: [...PERMITTED, ['ZADD', permitQueue, 7, 'you:1']],
    },
  ],
  'guard/repermit': [{ returns: 'integer', shared: [1000], item: [permits, 'me:1:2'], before: PERMITTED }],
  'guard/permitted': [{ returns: 'integers', item: [permits, permitQueue], before: PERMITTED }],
  'guard/object_write': [
    {
      returns: 'string',
      shared: [1000],
      item: [object, fenceOf, '[["s","name","1"],["d","x"],["i","n",1,0,5]]', 0, '', 5, 0],
      before: [
        ['HSET', object, ':v', 7, 'n', 1],
        ['SET', fenceOf, 3],
      ],
    },
    { returns: 'string', shared: [0], item: [object, object, '[["s","name","1"]]', 1, 0, '', 0] },
    { returns: 'string', shared: [0], item: [object, object, '[["s","name","1"]]', 0, '', '', 1000] },
  ],
  'guard/object_remove': [
    { returns: 'string', item: [object, fenceOf, '', 5], before: [['HSET', object, ':v', 7]] },
  ],
  'guard/object_read': [{ returns: 'list', item: [object], before: [['HSET', object, ':v', 7]] }],
  'guard/add': [
    { returns: 'integer', shared: COUNTERS, item: ['-b'], before: RESERVED },
    { returns: 'integer', shared: COUNTERS, item: ['+b'], before: RESERVED },
    { returns: 'string', shared: COUNTERS, item: ['=-2 a'], before: RESERVED },
    { returns: 'string', shared: COUNTERS, item: ['=-6 b'], before: RESERVED },
  ],
  'guard/claim': [
    { returns: 'string', shared: [1000], item: [claimed, 'me', 0] },
    {
      returns: 'string',
      shared: [1000],
      item: [claimed, 'me', 0],
      before: [['SET', claimed, `c ${LATER} 0 you`]],
    },
    { returns: 'string', shared: [1000], item: [claimed, 'me', 1], before: [['SET', claimed, 'd{}']] },
  ],
  'guard/claim_request': [
    { returns: 'string', shared: [1000], item: [requested, 'me/fingerprint', 't'] },
    {
      returns: 'string',
      shared: [1000],
      item: [requested, 'me/fingerprint', 'w'],
      before: [['SET', requested, `c ${LATER} 0 you/fingerprint`]],
    },
    {
      returns: 'string',
      shared: [1000],
      item: [requested, 'me/fingerprint', 'r'],
      before: [['SET', requested, `c ${LATER} 0 you/other`]],
    },
    {
      returns: 'string',
      shared: [1000],
      item: [requested, 'me/fingerprint', 't'],
      before: [['SET', requested, 'dfingerprint{}']],
    },
  ],
  'guard/complete': [
    {
      returns: 'integer',
      shared: [1000],
      item: [claimed, claimedLive, 'me', 'd', '{}'],
      before: [['SET', claimed, `c ${LATER} 1 me`]],
      channels: [claimedLive],
    },
  ],
  'guard/forget': [{ returns: 'integer', item: [claimed], before: [['SET', claimed, 'd{}']] }],
  'guard/see': [
    {
      returns: 'integer',
      shared: [[seenIds], 1000, 2],
      item: ['a'],
      before: [['ZADD', seenIds, 1, 'old', 2, 'a']],
    },
    {
      returns: 'string',
      shared: [[seenIds], 1000, 2],
      item: ['a\nb\nc'],
      before: [['ZADD', seenIds, 1, 'old']],
    },
  ],
  'guard/unsee': [{ returns: 'integer', item: [seenIds, 'a'], before: [['ZADD', seenIds, 1, 'a']] }],
  'guard/count': [
    { returns: 'string', shared: COUNTERS, item: ['-2 - - a\n=7 - - b'], before: RESERVED },
    { returns: 'integer', shared: PAST_COUNTERS, item: ['-2 - - a'] },
  ],
  'guard/count_once': [
    { returns: 'string', shared: [...COUNTERS, 60_000], item: [counterId, '-2 - - a'], before: RESERVED },
    { returns: 'integer', shared: [...PAST_COUNTERS, 60_000], item: [counterId, '-2 - - a'] },
  ],
  'guard/counted': [
    { returns: 'string', shared: COUNTERS, item: ['a\nb'], before: RESERVED },
    { returns: 'integer', shared: PAST_COUNTERS, item: ['a'] },
  ],
  'guard/expire': [
    { returns: 'string', shared: COUNTERS, item: [1000], before: RESERVED },
    { returns: 'integer', shared: PAST_COUNTERS, item: [1000] },
  ],
  'guard/fenced_count': [
    {
      returns: 'string',
      shared: [...COUNTERS, 60_000],
      item: [fenceOf, counterId, 5, '-2 - - a', '', 0],
      before: [...RESERVED, ['SET', fenceOf, 3]],
    },
    {
      returns: 'string',
      shared: [...COUNTERS, 60_000],
      item: [fenceOf, fenceOf, 5, '-2 - - a', 'new', 1000],
      before: RESERVED,
    },
    {
      returns: 'string',
      shared: [...COUNTERS, 60_000],
      item: [fenceOf, fenceOf, 2, '-2 - - a', '', 0],
      before: [['SET', fenceOf, 3]],
    },
    {
      returns: 'integer',
      shared: [...PAST_COUNTERS, 60_000],
      item: [fenceOf, fenceOf, 5, '-2 - - a', '', 0],
    },
  ],
  'guard/fenced_settle': [
    { returns: 'string', shared: [...COUNTERS, 1], item: [fenceOf, 5, 'open', 'c'], before: RESERVED },
    {
      returns: 'integer',
      shared: [...COUNTERS, 1],
      item: [fenceOf, 5, 'open', 'c'],
      before: MANY_EXPIRED,
    },
  ],
  'guard/fenced_write': [
    { returns: 'string', item: [fenceOf, fencedValue, 5, '{}', 1000], before: [['SET', fenceOf, 3]] },
    { returns: 'string', item: [fenceOf, fencedValue, 2, '{}', 1000], before: [['SET', fenceOf, 3]] },
  ],
  'guard/fenced_read': [
    { returns: 'string', item: [fencedValue], before: [['SET', fencedValue, '5 {}']] },
    { returns: 'null', item: [fencedValue] },
  ],
  'guard/reserve': [
    { returns: 'string', shared: COUNTERS, item: ['-2 - - a\n1 - - b', 'new', 1000], before: RESERVED },
    { returns: 'string', shared: COUNTERS, item: ['-2 - - a', 'open', 1000], before: RESERVED },
    { returns: 'string', shared: COUNTERS, item: ['-2 - - a', 'new', -1000], before: RESERVED },
    { returns: 'integer', shared: PAST_COUNTERS, item: ['-2 - - a', 'new', 1000] },
  ],
  'guard/settle': [
    { returns: 'string', shared: COUNTERS, item: ['open', 'c'], before: RESERVED },
    { returns: 'string', shared: COUNTERS, item: ['open', 'c\n0 a'], before: RESERVED },
    { returns: 'string', shared: COUNTERS, item: ['late', 'x'], before: RESERVED },
    {
      returns: 'integer',
      shared: COUNTERS,
      item: ['open', 'c'],
      before: MANY_EXPIRED,
    },
  ],
}
