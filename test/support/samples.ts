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
const dead = keys.deadLetters('orders', 'billing')
const board = keys.leaderboard('points')
const history = keys.history('live', 'room')
const live = keys.live('live', 'room')
const limiter = keys.limiter('api', 'abc', 'ann').key

/** An entry that group billing's consumer w1 holds at its first delivery. */
const HELD: NonNullable<Sample['before']> = [
  ['XADD', stream, '1-1', 'd', '{}'],
  ['XGROUP', 'CREATE', stream, 'billing', '0'],
  ['XREADGROUP', 'GROUP', 'billing', 'w1', 'STREAMS', stream, '>'],
]
const SCORES: NonNullable<Sample['before']> = [['ZADD', board, 3, 'ann', 2, 'bob', 1, 'cem']]
const EVENTS: NonNullable<Sample['before']> = [
  ['XADD', history, '5-1', 't', 'a', 'd', '1'],
  ['XADD', history, '5-2', 't', 'b', 'd', '2'],
]

/** At least one sample for each reply type of each script in packages/core/src/redis/scripts.gen.ts, by name. */
export const SAMPLES: Readonly<Record<string, readonly Sample[]>> = {
  'leaderboard/around': [
    { returns: 'list', item: [board, 'bob', 1], before: SCORES },
    { returns: 'null', item: [board, 'nobody', 1], before: SCORES },
  ],
  'leaderboard/increment': [{ returns: 'string', item: [board, 'ann', 1.5] }],
  'leaderboard/range': [{ returns: 'list', item: [board, 0, 1], before: SCORES }],
  'leaderboard/rank': [
    { returns: 'list', item: [board, 'bob'], before: SCORES },
    { returns: 'null', item: [board, 'nobody'], before: SCORES },
  ],
  'limiter/take': [{ returns: 'integer', shared: [5, 1_000_000, 5_000_000], item: [limiter, 1] }],
  'limiter/take-all': [{ returns: 'integers', shared: ['5 1000000 5 50 60000000 50'], item: [limiter, 1] }],
  'notifier/nudge': [{ returns: 'integer', item: [live, 'type', '{}'], channels: [live] }],
  'notifier/publish': [
    {
      returns: 'string',
      shared: [100, 60_000, 0, 1000],
      item: [history, history, live, 'type', '{}', '', 0],
      channels: [live],
    },
    {
      returns: 'string',
      shared: [100, 60_000, 1000, 1000],
      item: [history, keys.published('live', 'room', 'x'), live, 'type', '{}', 'price', 5000],
      before: EVENTS,
      channels: [live],
    },
  ],
  'notifier/since': [
    { returns: 'list', shared: [0], item: [history, '5-1-bf5d3a', 10], before: EVENTS },
    { returns: 'list', shared: [1000], item: [history, '-', 10], before: EVENTS },
  ],
  'notifier/top': [{ returns: 'string', item: [history], before: EVENTS }],
  'stream/add': [
    { returns: 'string', shared: [1000, ''], item: [stream, '{}'] },
    {
      returns: 'string',
      shared: [0, 'billing mailing'],
      item: [stream, '{}'],
      before: Array.from({ length: 70 }, (_, at) => ['XADD', stream, `1-${at + 1}`, 'd', '{}']),
    },
  ],
  'stream/bury': [
    { returns: 'integer', item: [stream, dead, 'billing', 'w1', '1-1', 1, 'why'], before: HELD },
    { returns: 'integer', item: [stream, dead, 'billing', 'w2', '1-1', 1, 'why'], before: HELD },
  ],
  'stream/claim': [{ returns: 'list', item: [stream, 'billing', 'w2', 0, 10], before: HELD }],
  'stream/finish': [{ returns: 'integer', item: [stream, 'billing', 'w1', '1-1', 1], before: HELD }],
  'stream/group': [{ returns: 'integer', item: [stream, 'billing'] }],
  'stream/lease': [{ returns: 'integer', item: [stream, 'billing', 'w1', '1-1', 1, 0], before: HELD }],
  'stream/leave': [
    { returns: 'integer', item: [stream, 'billing', 'w1', 1000], before: HELD },
    { returns: 'integer', item: [stream, 'billing', 'w9', 1000], before: HELD },
  ],
  'stream/page': [{ returns: 'list', item: [stream, '-', '+', 10, 1000, 'XRANGE'], before: HELD }],
  'stream/range': [{ returns: 'list', item: [stream, '-', '+', 10, 'XRANGE'], before: HELD }],
}
