import { createKeys } from '../../packages/core/src/redis/keys.ts'
import type { Arg } from '../../packages/core/src/redis/script.ts'
import type { Sample } from './sample.ts'

const keys = createKeys('samples', { keyPrefix: 'app:', db: 0 })
const part = (...parts: string[]): string => keys.leaderboardPart('points', ...parts)
const stream = keys.stream('orders')
const ready = keys.ready('orders', 'billing')
const history = keys.history('live', 'room')
const live = keys.live('live', 'room')
const object = keys.guardOf('object', 'carts', 'ann')
const recorded = keys.recorded('order-1')
const committed = keys.committed('orders', 'w1')

const ROLLING = [
  part('window', 'day'),
  part('window', 'day', 'scores'),
  part('window', 'day', 'log'),
  part('window', 'day', 'gone'),
  part('window', 'day', 'parts'),
  part('data'),
  part('ids'),
  part('idlog'),
]
const ROLLING_PLAN = {
  windows: [{ z: [1], d: [2], log: 3, gone: 4, parts: 5, last: 1e12, grain: 1e6 }],
  limit: 2 ** 53 - 1,
  data: 6,
  ids: 7,
  idlog: 8,
  dedup: 1e15,
}
const BEST = [keys.leaderboard('best'), keys.leaderboardPart('best', 'data')]
const COUNTERS = [
  keys.guard('counter', 'stock'),
  keys.guard('counter', 'stock', 'expiring'),
  keys.guard('counter', 'stock', 'reserved'),
]
const KEYS = [
  keys.stream('next'),
  keys.beginnings('live'),
  keys.guard('seen', 'mails'),
  ...COUNTERS,
  ...ROLLING,
  ...BEST,
]
const OWN = [history, object]

/** A plan with every kind, its keys beginning after `before` others. */
function planOf(before: number, more: object): string {
  const group = (k: string, from: number, to: number, rest: object): object => ({
    k,
    n: 1,
    from: from + before,
    to: to + before,
    ...rest,
  })
  const own = 'window' in more ? 1 : 0
  return JSON.stringify({
    ...more,
    groups: [
      group('add', 1, 1, { limits: '0 0 1000 0 0 0 1 shipping' }),
      group('add', 1, 1, { limits: '0 0 1000 0 0 0 1 shipping', when: 5, line: 1 }),
      group('publish', 2, 2, { keep: 100, ttl: 60_000, age: 1000, own: own + 1 }),
      group('claim', 3, 3, { window: 60_000, most: 1000 }),
      group('count', 4, 6, { plan: '0 100 10 60000' }),
      group('object', 1, 0, { ttl: 60_000, own: own + 2 }),
      group('score', 7, 14, { plan: JSON.stringify(ROLLING_PLAN) }),
      group('score', 15, 16, { n: 2, plan: '{"windows":[{"z":[1]}],"data":2,"keep":2}' }),
    ],
  })
}

function values(before: readonly Arg[], counter = '-2 - - a'): string {
  const groups: readonly (readonly Arg[])[] = [
    before,
    ['{}', '', ''],
    ['8', '{}', '', ''],
    [live, 'type', '{}', '', '0'],
    ['evt-1'],
    [counter],
    ['[["s","name","1"],["i","n",1,0,5]]', '0', ''],
    ['i', 'ann', '5', 'a'],
    ['s', 'dee', '1', '', 'b', 'eva', '1', ''],
  ]
  return groups
    .flat()
    .map((text) => `${String(text)}\x1f`)
    .join('')
}

/** What is there before: an expired entry and an expired reservation, so that preparing has something to remove. */
const BEFORE: NonNullable<Sample['before']> = [
  ['ZADD', ROLLING[0] as string, -3, 'ann', -2, 'bob'],
  ['ZADD', ROLLING[1] as string, -3, '-3', -2, '-2'],
  ['XADD', ROLLING[2] as string, '4000000000000000-1', 'm', 'cem', 'b', '1'],
  ['ZADD', BEST[0] as string, 3, 'ann', 2, 'bob', 1, 'cem'],
  ['HSET', COUNTERS[0] as string, 'b', '5'],
  ['XADD', history, '5-1', 't', 'a', 'd', '1', 'g', 'bf5d3a'],
  ['HSET', object, ':v', 7, 'n', 1],
]

/** A board whose periods are over. */
const PAST = JSON.stringify({
  window: 60_000,
  print: 'print',
  groups: [
    {
      k: 'score',
      n: 1,
      from: 1,
      to: 2,
      plan: JSON.stringify({ windows: [{ z: [1, 2], start: 1, next: 2, finish: 3, lives: [4, 5] }] }),
    },
  ],
})

const HELD: NonNullable<Sample['before']> = [
  ['XADD', stream, '1-1', 'd', '{}'],
  ['XGROUP', 'CREATE', stream, 'billing', '0'],
  ['XREADGROUP', 'GROUP', 'billing', 'w1', 'STREAMS', stream, '>'],
]
const HELD_READY: NonNullable<Sample['before']> = [
  ['XADD', ready, '2-1', 'i', '1-1', 'a', 1, 'f', 1, 'd', '{}'],
  ['XGROUP', 'CREATE', ready, 'billing', '0'],
  ['XREADGROUP', 'GROUP', 'billing', 'w1', 'STREAMS', ready, '>'],
]

const RECORD = { window: 60_000, print: 'print', durable: true }
const WORKER = { group: 'billing', consumer: 'w1' }

function commit(
  declared: string,
  from: 'm' | 'r',
  position: string,
  before: NonNullable<Sample['before']>,
): Sample {
  return {
    returns: 'string',
    shared: [[stream, ready, committed, ...KEYS], 2, planOf(3, { ...WORKER, declared })],
    item: [...OWN, values([from, position, 'm0-1 m0-2'])],
    before: [...BEFORE, ['HSET', committed, 'm0-1', ''], ...before],
    channels: [live],
  }
}

/** The samples of lua/record. */
export const RECORD_SAMPLES: Readonly<Record<string, readonly Sample[]>> = {
  'record/record': [
    {
      returns: 'string',
      shared: [KEYS, 3, planOf(0, RECORD)],
      item: [recorded, ...OWN, values([])],
      before: BEFORE,
      channels: [live],
    },
    {
      returns: 'string',
      shared: [KEYS, 3, planOf(0, RECORD)],
      item: [recorded, ...OWN, values([], '-20 - - a')],
      before: BEFORE,
      channels: [live],
    },
    {
      returns: 'string',
      shared: [KEYS, 3, planOf(0, RECORD)],
      item: [recorded, ...OWN, values([])],
      before: [['SET', recorded, 'print1-1']],
      channels: [live],
    },
    {
      returns: 'integer',
      shared: [BEST, 1, PAST],
      item: [recorded, ['i', 'ann', '1', ''].map((text) => `${text}\x1f`).join('')],
    },
  ],
  'record/commit': [
    commit('billing', 'm', '1-1', HELD),
    commit('billing mailing', 'm', '1-1', [...HELD, ['XGROUP', 'CREATE', stream, 'mailing', '0']]),
    commit('-', 'm', '1-1', HELD),
    commit('billing', 'r', '2-1', HELD_READY),
    commit('billing', 'm', '7-7', HELD),
    {
      returns: 'integer',
      shared: [
        [stream, ready, committed, ...BEST],
        0,
        JSON.stringify({
          ...WORKER,
          declared: 'billing',
          groups: [
            {
              k: 'score',
              n: 1,
              from: 4,
              to: 5,
              plan: (JSON.parse(PAST) as { groups: [{ plan: string }] }).groups[0].plan,
            },
          ],
        }),
      ],
      item: [['m', '1-1', '', 'i', 'ann', '1', ''].map((text) => `${text}\x1f`).join('')],
      before: HELD,
    },
  ],
}
