import { createKeys } from '../../packages/core/src/redis/keys.ts'
import type { Arg, SharedArg } from '../../packages/core/src/redis/script.ts'

/** One item of a script as a feature would send it, and the type of its reply. */
export interface Sample {
  readonly returns: 'integer' | 'integers' | 'string' | 'list' | 'null'
  readonly shared?: readonly SharedArg[]
  readonly item: readonly Arg[]
  /** Commands that prepare the keys. */
  readonly before?: readonly (readonly Arg[])[]
  /** Pub/sub channels that the script publishes on. */
  readonly channels?: readonly string[]
}

const keys = createKeys('samples', { keyPrefix: 'app:', db: 0 })
const stream = keys.stream('orders')
const ready = keys.ready('orders', 'billing')
const delayed = keys.delayed('orders', 'billing')
const dead = keys.deadLetters('orders', 'billing')
const paused = keys.paused('orders', 'billing')
const pausing = keys.pausing('orders', 'billing')
const declaration = keys.declaration('orders')
const addedId = keys.addedId('orders', 'order-1')
const settled = keys.settled('orders', 'w1')
const board = keys.leaderboard('points')
const part = (...parts: string[]): string => keys.leaderboardPart('points', ...parts)
const [rolling, leaving, gone, grown] = [
  part('window', 'day'),
  part('window', 'day', 'log'),
  part('window', 'day', 'gone'),
  part('window', 'day', 'parts'),
]
const [distinct, data, ids, idlog] = [
  part('window', 'day', 'scores'),
  part('data'),
  part('ids'),
  part('idlog'),
]
const history = keys.history('live', 'room')
const live = keys.live('live', 'room')
const control = keys.control('live')
const controlLive = keys.controlLive('live')
const next = keys.beginnings('live')
const connections = keys.connections('live', 'ann')
const processes = keys.processes('live')
const shard = keys.shard('ann')
const limiter = keys.limit(shard, 'api', 'ann')
const log = keys.limitLog(shard, 'api/exact', 'ann')
const limitRules = keys.limitRules('api')
const limitDeclared = keys.limitDeclared('api')
const slots = keys.limitSlots(shard, 'api/parallel', 'ann')

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
const SCORES: NonNullable<Sample['before']> = [['ZADD', board, 3, 'ann', 2, 'bob', 1, 'cem']]
const allTime = [[board, distinct, data], '{"windows":[{"z":[1],"d":[2]}],"data":3}'] as const
/** Keeps the best three. */
const bounded = [[board, distinct, data], '{"windows":[{"z":[1],"d":[2]}],"data":3,"keep":3}'] as const
/** A rolling window, dense ranks, ids and events. */
const everything = [
  [rolling, distinct, leaving, gone, grown, data, ids, idlog],
  JSON.stringify({
    windows: [{ z: [1], d: [2], log: 3, gone: 4, parts: 5, last: 1e12, grain: 1e6 }],
    limit: 2 ** 53 - 1,
    data: 6,
    ids: 7,
    idlog: 8,
    dedup: 1e15,
    events: { window: 1, top: 1, overtaken: 1 },
    former: [[1, 2]],
  }),
] as const
const LATER = '4000000000000000'
const LOGGED: NonNullable<Sample['before']> = [
  ['ZADD', rolling, -3, 'ann', -2, 'bob'],
  ['ZADD', distinct, -3, '-3', -2, '-2'],
  ['HSET', grown, '1-1', 3, '2-1', 2, '=bob', '2-1'],
  ['XADD', leaving, '1-1', 'm', 'ann', 'b', '+'],
  ['XADD', leaving, '2-1', 'm', 'bob', 'b', '+'],
  ['XADD', leaving, `${LATER}-1`, 'm', 'cem', 'b', '1'],
]
/** More to leave than two calls take. */
const LATE: NonNullable<Sample['before']> = [
  ...Array.from({ length: 400 }, (_, at): readonly Arg[] => [
    'XADD',
    leaving,
    `${at + 1}-1`,
    'm',
    'ann',
    'b',
    '1',
  ]),
  ['XADD', leaving, `${LATER}-1`, 'm', 'cem', 'b', '1'],
]
const REMEMBERED: NonNullable<Sample['before']> = [...LOGGED, ['HSET', ids, 'ia', `${LATER}-1 5 - ann`]]
const REMOVED: NonNullable<Sample['before']> = [
  ...LOGGED,
  ['XADD', leaving, `${LATER}-2`, 'm', 'ann', 'b', ''],
  ['HSET', gone, 'ann', `${LATER}-2`],
  ['XADD', idlog, '1-1', 'f', 'ia'],
  ['XADD', idlog, '2-1', 'f', 'xann'],
  ['HSET', ids, 'ia', '1-1 5 - ann', 'xann', '2-1'],
]
const EVENTS: NonNullable<Sample['before']> = [
  ['XADD', history, '5-1', 't', 'a', 'd', '1', 'g', 'bf5d3a'],
  ['XADD', history, '5-2', 't', 'b', 'd', '2', 'g', 'c0ffee'],
]

const ONE_RULE = Buffer.alloc(32)
for (const [at, number] of [1, 5, 1_000_000, 5_000_000].entries()) ONE_RULE.writeDoubleLE(number, 8 * at)
const TWO_RULES = '1 5 1000000 5000000 2 50 60000000 3000000000'

/** A limiter's state with one entry; with id 0 a block. */
function stateOf(id: number): readonly Arg[] {
  const script = `redis.call('SET', KEYS[1], struct.pack('<ddddd', ${id}, 2 ^ 52, 1, 0, 0) .. 'x')`
  return ['EVAL', script, 1, limiter]
}

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

/** At least one sample for each reply type of each script in packages/core/src/redis/scripts.gen.ts, by name. */
export const SAMPLES: Readonly<Record<string, readonly Sample[]>> = {
  'guard/lock': [
    {
      returns: 'integer',
      shared: [[fence], lockChannel, 1000, 'me', 500],
      item: [lockA, queueA, 'me:1', '-'],
    },
    {
      returns: 'string',
      shared: [[fence], lockChannel, 1000, 'me', 500],
      item: [lockA, queueA, 'you:1', '+'],
      before: LOCKED,
    },
  ],
  'guard/lock_all': [
    {
      returns: 'integer',
      shared: [lockChannel, 1000, 'me', 500],
      item: [fence, lockA, queueA, lockB, queueB, 'me:1', '+ other'],
    },
    {
      returns: 'string',
      shared: [lockChannel, 1000, 'me', 500],
      item: [fence, lockA, queueA, lockB, queueB, 'you:1', '+'],
      before: LOCKED,
    },
  ],
  'guard/unlock': [
    { returns: 'integer', shared: [lockChannel, 500], item: [lockA, queueA, 'me:1'], before: LOCKED },
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
      item: [object, '[["s","name","1"],["d","x"],["i","n",1,0,5]]', 0, '', 5],
      before: [['HSET', object, ':v', 7, ':f', 3, 'n', 1]],
    },
    { returns: 'string', shared: [0], item: [object, '[["s","name","1"]]', 1, 0, ''] },
  ],
  'guard/object_remove': [
    { returns: 'string', item: [object, '', 5], before: [['HSET', object, ':v', 7, ':f', 3]] },
  ],
  'guard/object_read': [{ returns: 'list', item: [object], before: [['HSET', object, ':v', 7]] }],
  'guard/add': [
    { returns: 'integer', shared: COUNTERS, item: ['b', -2], before: RESERVED },
    { returns: 'string', shared: COUNTERS, item: ['a', -2], before: RESERVED },
    { returns: 'string', shared: COUNTERS, item: ['b', -6], before: RESERVED },
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
      shared: [1000, 2],
      item: [seenIds, 'a'],
      before: [['ZADD', seenIds, 1, 'old', 2, 'a']],
    },
    {
      returns: 'string',
      shared: [1000, 2],
      item: [seenIds, 'a\nb\nc'],
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
  'guard/reserve': [
    { returns: 'string', shared: COUNTERS, item: ['-2 - - a\n1 - - b', 'new', 1000], before: RESERVED },
    { returns: 'string', shared: COUNTERS, item: ['-2 - - a', 'open', 1000], before: RESERVED },
    { returns: 'integer', shared: PAST_COUNTERS, item: ['-2 - - a', 'new', 1000] },
  ],
  'guard/settle': [
    { returns: 'string', shared: COUNTERS, item: ['open', 'c'], before: RESERVED },
    { returns: 'string', shared: COUNTERS, item: ['late', 'x'], before: RESERVED },
    {
      returns: 'integer',
      shared: COUNTERS,
      item: ['open', 'c'],
      before: Array.from({ length: 400 }, (_, at): readonly Arg[] => ['ZADD', counterKeys[1], 1, `r${at}`]),
    },
  ],
  'leaderboard/declare': [
    { returns: 'null', item: [part('declaration'), '["order","ascending"]', 'windows all', 0] },
    {
      returns: 'list',
      item: [part('declaration'), '["order","ascending"]', 'windows all', 1000],
      before: [['HSET', part('declaration'), '', 'windows day', 'order', 'ascending']],
    },
  ],
  'leaderboard/describe': [
    { returns: 'integer', shared: [[board]], item: ['ann', '{}'] },
    { returns: 'integer', shared: [[board]], item: ['ann', ''] },
  ],
  'leaderboard/erase': [
    { returns: 'null', shared: [[leaving, gone, grown]], item: ['ann', '-'], before: REMOVED },
    {
      returns: 'string',
      shared: [[leaving, gone, grown]],
      item: ['ann', '-'],
      before: [...LATE, ['HSET', gone, 'ann', `${LATER}-1`]],
    },
  ],
  'leaderboard/erase-ids': [
    { returns: 'null', shared: [[ids, idlog]], item: ['ann', '-'], before: REMOVED },
    {
      returns: 'string',
      shared: [[ids, idlog]],
      item: ['ann', '-'],
      before: [
        ...Array.from({ length: 128 }, (_, at): readonly Arg[] => [
          'XADD',
          idlog,
          `${at + 1}-1`,
          'f',
          `i${at}`,
        ]),
        ['HSET', ids, 'xann', `${LATER}-1`, 'i1', '2-1 5 - ann'],
      ],
    },
  ],
  'leaderboard/increment': [{ returns: 'string', shared: [[board]], item: ['ann', 1.5] }],
  'leaderboard/rank': [
    { returns: 'string', shared: [[board]], item: ['bob'], before: SCORES },
    { returns: 'null', shared: [[board]], item: ['nobody'], before: SCORES },
  ],
  'leaderboard/read': [
    ...[
      ['range', 'dense', 1, 0, 1, '', ''],
      ['around', 'competition', 1, 'bob', 1, '', ''],
      ['rank', 'ordinal', 1, 'bob', '', '', ''],
      ['between', 'ordinal', 0, '-inf', '2', 0, 5],
      ['of', 'ordinal', 1, '["ann","nobody"]', '', '', ''],
      ['count', 'ordinal', 0, '-inf', '2', '', ''],
      ['better', 'ordinal', 0, 'bob', '', '', ''],
      ['quantile', 'ordinal', 0, 50, '', '', ''],
      ['scan', 'ordinal', 0, 0, '', '', ''],
    ].map((item) => ({ returns: 'string' as const, shared: allTime, item, before: SCORES })),
    { returns: 'null', shared: allTime, item: ['around', 'ordinal', 0, 'nobody', 1, '', ''], before: SCORES },
    {
      returns: 'integer',
      shared: [[board], '{"windows":[{"z":[1,1],"start":0,"next":1,"finish":2}]}'],
      item: ['count', 'ordinal', 0, '-inf', '+inf', '', ''],
    },
  ],
  'leaderboard/read-rolling': [
    { returns: 'string', shared: everything, item: ['range', 'ordinal', 0, 0, 1, '', ''], before: LOGGED },
    { returns: 'null', shared: everything, item: ['quantile', 'ordinal', 0, 50, '', '', ''] },
    { returns: 'integer', shared: everything, item: ['range', 'ordinal', 0, 0, 1, '', ''], before: LATE },
  ],
  'leaderboard/recall': [
    { returns: 'integer', shared: [[ids], 1e15], item: ['a'], before: REMEMBERED },
    { returns: 'null', shared: [[ids], 1e15], item: ['b'], before: REMEMBERED },
  ],
  'leaderboard/remove': [
    { returns: 'string', shared: everything, item: ['ann'], before: LOGGED },
    {
      returns: 'integer',
      shared: [[board], '{"windows":[{"z":[1,1],"start":0,"next":1,"finish":2}],"former":[],"data":1}'],
      item: ['ann'],
    },
  ],
  'leaderboard/undo': [{ returns: 'integer', shared: everything, item: ['a', 4e15], before: REMEMBERED }],
  'leaderboard/update': [
    { returns: 'string', shared: everything, item: ['[["i","ann",5,"a"]]', 0, 0], before: LOGGED },
    { returns: 'list', shared: everything, item: ['[["i","ann",5],["i","bob",1]]', 1, 1], before: LOGGED },
    { returns: 'list', shared: bounded, item: ['[["s","dee",1],["b","eva",1]]', 1, 0], before: SCORES },
    { returns: 'integer', shared: everything, item: ['[["i","ann",5]]', 0, 0], before: LATE },
  ],
  'limiter/block': [{ returns: 'integer', item: [limiter, 1_000_000, 'abuse'] }],
  'limiter/unblock': [{ returns: 'integer', item: [limiter, 0, ''], before: [stateOf(0)] }],
  'limiter/charge': [
    {
      returns: 'list',
      shared: [
        [
          'g 1 0 1 5 1000000 5000000 0',
          'f 1 0 2 5 1000000 0 0',
          'c 1 0 3 5 0 4000000000000000 5000000000000000',
          'w 1 0 4 5 1000000 1 0',
          'l 2 0 5 5 1000000 0 0',
          's 3 0 6 5 1000000 0 0',
        ].join('\n'),
      ],
      item: [limiter, log, slots, 1, 'take', 'lease'],
    },
  ],
  'limiter/declare': [
    {
      returns: 'list',
      before: [
        ['ZADD', limitDeclared, '9e15', '/day day of UTC', '9e15', '= day: fixed-window, 5 a day of UTC'],
      ],
      item: [limitDeclared, '/day day of UTC', 1_000_000, 'day: fixed-window, 6 a day of UTC', 1_000_000],
    },
  ],
  'limiter/lease': [
    {
      returns: 'integer',
      item: [slots, 'lease', 1_000_000],
      before: [
        ['ZADD', slots, '4000000000000000', 'lease'],
        ['PEXPIRE', slots, 1000],
      ],
    },
  ],
  'limiter/register': [{ returns: 'integer', item: [limitRules, 'l//exact', 1_000_000] }],
  'limiter/registered': [{ returns: 'list', item: [limitRules] }],
  'limiter/reset': [{ returns: 'integer', item: [limiter] }],
  'limiter/take': [
    { returns: 'integer', shared: [ONE_RULE], item: [limiter, 1] },
    { returns: 'string', shared: [ONE_RULE], item: [limiter, 1], before: [stateOf(0)] },
    { returns: 'null', shared: [ONE_RULE], item: [limiter, 1], before: [stateOf(2)] },
  ],
  'space/declare': [
    { returns: 'string', item: [declaration, 'history 1', 0], before: [['SET', declaration, 'history 2']] },
    { returns: 'null', item: [declaration, 'history 1', 1000] },
  ],
  'limiter/take-all': [
    { returns: 'integers', shared: [TWO_RULES], item: [limiter, 1] },
    { returns: 'string', shared: [TWO_RULES], item: [limiter, 1], before: [stateOf(0)] },
    { returns: 'null', shared: [TWO_RULES], item: [limiter, 1], before: [stateOf(2)] },
  ],
  'notifier/end': [
    { returns: 'string', item: [history, next] },
    { returns: 'string', item: [history, next], before: EVENTS },
  ],
  'notifier/extend': [{ returns: 'integer', shared: [60_000], item: [history], before: EVENTS }],
  'notifier/nudge': [
    {
      returns: 'integer',
      shared: [keys.nudges('live')],
      item: [live, 'room', 'type', '{}'],
      channels: [live, keys.nudges('live')],
    },
  ],
  'notifier/connect': [
    {
      returns: 'string',
      shared: [60_000, processes],
      item: [connections, 'p', 3, '', 1],
      before: [['ZADD', connections, '2e15', '00000000000000001:dead:1', '1', '00000000000000002:p:2']],
      channels: [`${processes}p`],
    },
  ],
  'notifier/publish': [
    {
      returns: 'string',
      shared: [[next], 100, 60_000, 0, 1000],
      item: [history, history, live, 'type', '{}', '', 0],
      channels: [live],
    },
    {
      returns: 'string',
      shared: [[next], 100, 60_000, 1000, 1000],
      item: [history, keys.published('live', 'room', 'x'), live, 'type', '{}', 'price', 5000],
      before: EVENTS,
      channels: [live],
    },
  ],
  'notifier/revoke': [
    {
      returns: 'string',
      shared: [[next], 10_000, 60_000, 0, 1000],
      item: [control, control, controlLive, 'revoke', '{"user":"ann"}', '', 0],
      channels: [controlLive],
    },
  ],
  'notifier/disconnect': [
    {
      returns: 'integer',
      item: [connections, 'p', 2],
      before: [['ZADD', connections, '2e15', '00000000000000002:p:2']],
    },
  ],
  'notifier/since': [
    { returns: 'list', shared: [0], item: [history, next, '5-1-bf5d3a', 10], before: EVENTS },
    { returns: 'list', shared: [1000], item: [history, next, '-', 10], before: EVENTS },
    { returns: 'list', shared: [0], item: [history, next, '5-0', 10], before: [['ZADD', next, 5, history]] },
  ],
  'notifier/top': [{ returns: 'string', item: [history], before: EVENTS }],
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
