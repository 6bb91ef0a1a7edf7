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
/** A board whose changes are announced. */
const RANKED = [keys.leaderboard('ranked'), keys.leaderboardPart('ranked', 'data')]
const RANKED_PLAN = '{"windows":[{"z":[1]}],"data":2,"events":{"window":1,"top":2,"overtaken":3}}'
/** Two periods of a board of plain scores. */
const PLAIN = [keys.leaderboardPart('plain', 'a'), keys.leaderboardPart('plain', 'b')]
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
  ...PLAIN,
  ...RANKED,
]
const subject = keys.limit(keys.route, 'api', 'ann')
const log = keys.limitLog(keys.route, 'api/log', 'ann')
const fence = keys.guardOf('fence', 'of', 'cart-ann')
const OWN = [history, object, fence, subject, log]
/** A GCRA rule of 10 a minute, and a sliding log. */
const RULES = 'g 1 0 1 10 60000000 600000000 0\nl 2 0 2 5 60000000 0 0'

type Text = string | number

/** A group of a plan: kind, changes, keys, own key, counter and its change, fields. */
function group(
  [kind, n, lean]: readonly [string, number, Text],
  [from, to, own]: readonly [Text, Text, Text],
  [when, line]: readonly [Text, Text],
  ...fields: readonly Text[]
): readonly Text[] {
  return [kind, n, lean, from, to, own, when, line, ...fields]
}

/** The shared values of a plan: how many texts it has, and the texts. */
function planned(...texts: readonly Text[]): readonly [number, string] {
  return [texts.length, texts.map((text) => `${text}\0`).join('')]
}

/** A plan with every kind, its keys beginning after `before` others, and its own keys after `own`. */
function planOf(before: number, own: number, head: readonly Text[]): readonly [number, string] {
  const at = (from: number, to: number): [number, number, string] => [from + before, to + before, '']
  const free = ['', ''] as const
  const limits = '0 0 1000 0 0 0 1 shipping'
  return planned(
    ...head,
    ...group(['add', 1, ''], at(1, 1), free, limits),
    ...group(['add', 1, ''], at(1, 1), [5, 1], limits),
    ...group(['publish', 1, ''], [before + 2, before + 2, own + 1], free, 100, 60_000, 1000),
    ...group(['claim', 1, ''], at(3, 3), free, 60_000, 1000),
    ...group(['count', 1, ''], at(4, 6), free, '0 100 10 60000'),
    ...group(['object', 1, ''], [before + 1, before, own + 2], free, 60_000),
    ...group(['limit', 1, ''], [before + 1, before, own + 4], free, RULES, 2),
    ...group(['score', 1, ''], at(7, 14), free, JSON.stringify(ROLLING_PLAN)),
    ...group(['score', 2, ''], at(15, 16), free, '{"windows":[{"z":[1]}],"data":2,"keep":2}'),
    ...group(
      ['raise', 1, 1],
      at(17, 18),
      free,
      '1,1 2 1 2 4000000000000000 4100000000000000 4100000000000000',
    ),
    ...group(['announce', 1, ''], at(19, 20), free, RANKED_PLAN),
    ...group(['publish', 1, ''], [before + 2, before + 2, own + 1], [11, 1], 100, 60_000, 1000),
  )
}

function values(before: readonly Arg[], counter = '-2 - - a'): string {
  const groups: readonly (readonly Arg[])[] = [
    before,
    ['{}', '', ''],
    ['8', '{}', '', ''],
    [live, 'type', '{}', '', '0'],
    ['evt-1'],
    [counter],
    ['[["s","name","1"],["i","n",1,0,5]]', '0', '', '5', '0'],
    ['2'],
    ['i', 'ann', '5', 'a'],
    ['s', 'dee', '1', '', 'b', 'eva', '1', ''],
    ['ann', '5'],
    ['i', 'ann', '5', ''],
    ['0', live, 'type', '{}', '', '0'],
  ]
  return groups
    .flat()
    .map((text) => `${String(text)}\0`)
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
function past(before: number, head: readonly Text[]): readonly [number, string] {
  const board = JSON.stringify({ windows: [{ z: [1, 2], start: 1, next: 2, finish: 3, lives: [4, 5] }] })
  return planned(...head, ...group(['score', 1, ''], [before + 1, before + 2, ''], ['', ''], board))
}

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

const RECORD = [60_000, 'print', 1, '']
const workerOf = (declared: string): readonly Text[] => ['billing', 'w1', declared, '', '0', '', 'print']

function commit(
  declared: string,
  from: 'm' | 'r',
  position: string,
  before: NonNullable<Sample['before']>,
): Sample {
  return {
    returns: 'string',
    shared: [[stream, ready, committed, ...KEYS], OWN.length, ...planOf(3, 0, workerOf(declared))],
    item: [...OWN, values([from, position, 'm0-1 m0-2', ''])],
    before: [...BEFORE, ['HSET', committed, 'm0-1', ''], ...before],
    channels: [live],
  }
}

/** A stream with order by key: itself, the places of its keys, and the entries that wait for one. */
const KEYED = [
  keys.stream('parts'),
  keys.busyPlaces('parts', 'encode'),
  keys.queued('parts', 'encode'),
] as const
/** Its outcomes. */
const RESULTS = {
  keys: [keys.results('parts', 'encode'), keys.resultsDue('parts', 'encode')],
  channels: keys.outcomes('parts', 'encode'),
}
const PARTS_READY = keys.ready('parts', 'encode')
/** An entry of key ann is running, and another one waits for it. */
const KEYED_BEFORE: NonNullable<Sample['before']> = [
  ['XADD', KEYED[0], '1-1', 'd', '{}', 'k', 'ann'],
  ['XGROUP', 'CREATE', KEYED[0], 'encode', '0'],
  ['XREADGROUP', 'GROUP', 'encode', 'w1', 'STREAMS', KEYED[0], '>'],
  ['HSET', KEYED[1], 'ann', 'm1-1', '', 1],
  // Behind its id what cmsgpack.pack({ 0, 0, '{}', '', 0 }) returns.
  ['ZADD', KEYED[2], 0, Buffer.from('ann\0A2A1\x95\0\0\xa2{}\xa0\0', 'latin1')],
]
/** Adds to a stream without keys, and then an entry that has to wait and one that has not. */
const KEYED_GROUPS = (before: number): readonly Text[] => [
  ...group(['add', 1, ''], [before + 1, before + 1, ''], ['', ''], '0 0 1000 0 0 0 0 '),
  ...group(['add', 2, ''], [before + 2, before + 4, ''], ['', ''], '2 0 0 0 0 0 0 encode'),
]
const KEYED_VALUES = ['{}', '', '', '{}', '', ' ann', '{}', '', ' bob']

function joined(...all: readonly Text[]): string {
  return all.map((text) => `${text}\0`).join('')
}

/** The samples of lua/record. */
export const RECORD_SAMPLES: Readonly<Record<string, readonly Sample[]>> = {
  'record/record': [
    {
      returns: 'string',
      shared: [KEYS, 1 + OWN.length, ...planOf(0, 1, RECORD)],
      item: [recorded, ...OWN, values([])],
      before: BEFORE,
      channels: [live],
    },
    {
      returns: 'string',
      shared: [KEYS, 1 + OWN.length, ...planOf(0, 1, RECORD)],
      item: [recorded, ...OWN, values([], '-20 - - a')],
      before: BEFORE,
      channels: [live],
    },
    {
      returns: 'string',
      shared: [KEYS, 1 + OWN.length, ...planOf(0, 1, RECORD)],
      item: [recorded, ...OWN, values([])],
      before: [['SET', recorded, 'print1-1']],
      channels: [live],
    },
    {
      returns: 'string',
      shared: [[stream, ...KEYED], 0, ...planned('', 'print', '', '', ...KEYED_GROUPS(0))],
      item: [joined(...KEYED_VALUES)],
      before: KEYED_BEFORE,
    },
    {
      returns: 'integer',
      shared: [BEST, 1, ...past(0, RECORD)],
      item: [recorded, ['i', 'ann', '1', ''].map((text) => `${text}\0`).join('')],
    },
  ],
  'record/scan': [
    { returns: 'list', item: [BEST[0] as string, 'z', '0'], before: [['ZADD', BEST[0] as string, 1, 'ann']] },
    {
      returns: 'list',
      item: [COUNTERS[0] as string, 'h', '0'],
      before: [['HSET', COUNTERS[0] as string, 'a', '5']],
    },
  ],
  'record/values': [
    {
      returns: 'list',
      item: [stream, BEST[0] as string, 'z', 'ann\0bob\0'],
      before: [['XADD', stream, '1-1', 'd', '{}']],
    },
    { returns: 'list', item: [stream, COUNTERS[0] as string, 'h', 'a\0'] },
    {
      returns: 'list',
      item: [stream, history, 'x', ''],
      before: [['XADD', history, '5-1', 't', 'a', 'd', '1', 'g', 'bf5d3a']],
    },
  ],
  'record/commit': [
    commit('billing', 'm', '1-1', HELD),
    commit('billing mailing', 'm', '1-1', [...HELD, ['XGROUP', 'CREATE', stream, 'mailing', '0']]),
    commit('-', 'm', '1-1', HELD),
    commit('billing', 'r', '2-1', HELD_READY),
    commit('billing', 'm', '7-7', HELD),
    {
      returns: 'string',
      shared: [
        [KEYED[0], PARTS_READY, committed, KEYED[1], KEYED[2], ...RESULTS.keys, stream, ...KEYED],
        0,
        ...planned('encode', 'w1', 'encode', '', '1', RESULTS.channels, 'print', ...KEYED_GROUPS(7)),
      ],
      item: [joined('m', '1-1 ann', '', '1-1 60000', ...KEYED_VALUES)],
      before: KEYED_BEFORE,
      channels: [`${RESULTS.channels}1-1`],
    },
    {
      returns: 'integer',
      shared: [[stream, ready, committed, ...BEST], 0, ...past(3, workerOf('billing'))],
      item: [['m', '1-1', '', '', 'i', 'ann', '1', ''].map((text) => `${text}\0`).join('')],
      before: HELD,
    },
  ],
}
