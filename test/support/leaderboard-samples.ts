import { createKeys } from '../../packages/core/src/redis/keys.ts'
import type { Arg } from '../../packages/core/src/redis/script.ts'
import { adds, type Sample } from './sample.ts'

const keys = createKeys('samples', { keyPrefix: 'app:', db: 0 })
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
  adds(leaving, 400, 'm', 'ann', 'b', '1'),
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

const season = [
  part('seasons'),
  part('season', 's1'),
  part('season', 's1', 'all', 'scores'),
  part('season', 's1', 'data'),
] as const
const SEASON: NonNullable<Sample['before']> = [
  ['HSET', season[0], 's1', `${LATER} 2 all`],
  ['ZADD', season[1], 1, 'ann', 2, 'bob'],
]
/** The end of a season of the all-time window. */
const ending = [
  [board, distinct, season[0], season[1], season[2], ids, idlog],
  '{"windows":[{"z":[1],"d":[2]}],"season":[3,4,5,6,7]}',
] as const
/** A board with the all-time window and ids. */
const periods = [
  [board, data, ids, idlog],
  '{"windows":[{"z":[1]}],"data":2,"ids":3,"idlog":4,"dedup":1e15,"former":[]}',
] as const
/** Periods that have passed. */
const passed = [
  [board, data, ids, idlog, season[0]],
  '{"windows":[{"z":[1,1],"start":0,"next":1,"finish":2}],"former":[],"data":2,"season":[5,1,1,3,4]}',
] as const

/** Samples of the scripts of leaderboards. */
export const LEADERBOARD_SAMPLES: Readonly<Record<string, readonly Sample[]>> = {
  'leaderboard/clear': [
    { returns: 'string', shared: everything, item: [''], before: REMEMBERED },
    { returns: 'string', shared: periods, item: ['all'], before: REMEMBERED },
    { returns: 'integer', shared: passed, item: [''] },
  ],
  'leaderboard/delete-season': [
    { returns: 'integer', item: [...season, part('season', 's1', 'rewards'), 's1'], before: SEASON },
  ],
  'leaderboard/end-season': [
    { returns: 'string', shared: ending, item: ['s1', 'all', 1, 1000], before: [...SCORES, ...REMEMBERED] },
    { returns: 'string', shared: ending, item: ['s1', 'all', 1, 0], before: SEASON },
    { returns: 'integer', shared: passed, item: ['s1', 'all', 1, 0] },
  ],
  'leaderboard/expire': [
    { returns: 'integer', shared: [[board, distinct, data]], item: [Number(LATER) / 1000], before: SCORES },
    { returns: 'integer', shared: [[board, distinct, data]], item: [0], before: SCORES },
  ],
  'leaderboard/season-data': [
    {
      returns: 'integer',
      item: [season[0], season[1], data, season[3], 's1'],
      before: [...SEASON, ['HSET', data, 'ann', '{}'], ['PEXPIRE', season[1], 100_000]],
    },
  ],
  'leaderboard/seasons': [{ returns: 'list', item: [season[0]], before: SEASON }],
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
  'leaderboard/described': [
    { returns: 'string', shared: [[data]], item: ['ann'], before: [['HSET', data, 'ann', '{}']] },
    { returns: 'null', shared: [[data]], item: ['ann'] },
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
  'leaderboard/merge': [
    {
      returns: 'integer',
      shared: [
        [part('merged:x'), part('merged:x:rows'), part('merged:x:progress'), board],
        '{"sources":[{"z":[4,4],"start":0,"next":1,"finish":2}]}',
      ],
      item: [60_000, ''],
    },
    {
      returns: 'string',
      shared: [
        [part('merged:x'), part('merged:x:rows'), part('merged:x:progress'), board, distinct],
        '{"sources":[{"z":[4]},{"z":[5]}]}',
      ],
      item: [60_000, ''],
      before: SCORES,
    },
    {
      returns: 'string',
      shared: [
        [part('merged:x'), part('merged:x:rows'), part('merged:x:progress'), board],
        '{"best":true,"sources":[{"z":[4]}]}',
      ],
      item: [60_000, ''],
      before: SCORES,
    },
  ],
  'leaderboard/ranks-on': [
    {
      returns: 'integer',
      shared: [
        [board, data],
        '[{"first":1,"last":2,"plan":{"windows":[{"z":[1,1],"start":0,"next":1,"finish":2}],"data":2}}]',
      ],
      item: ['bob', 'ordinal'],
    },
    {
      returns: 'string',
      shared: [
        [board, distinct, data],
        '[{"first":1,"last":3,"plan":{"windows":[{"z":[1],"d":[2]}],"data":3}}]',
      ],
      item: ['bob', 'ordinal'],
      before: SCORES,
    },
  ],
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
      ['around', 'ordinal', 0, 'bob', 1, 1, ''],
      ['between', 'ordinal', 0, '(1', '2', 0, 5],
      ['different', 'dense', 0, '(2', '', '', ''],
      ['sum', 'ordinal', 0, '', '', '', ''],
      ['worse', 'ordinal', 0, 'bob', '', '', ''],
      ['interpolated', 'ordinal', 0, 50, '', '', ''],
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
  'leaderboard/remove-range': [
    { returns: 'list', shared: everything, item: [1, 'score', '-inf', '-3'], before: LOGGED },
    { returns: 'list', shared: everything, item: [1, 'position', 0, 1], before: LOGGED },
    { returns: 'integer', shared: passed, item: [1, 'position', 0, 1] },
  ],
  'leaderboard/undo': [{ returns: 'integer', shared: everything, item: ['a', 4e15], before: REMEMBERED }],
  'leaderboard/update': [
    { returns: 'string', shared: everything, item: ['[["i","ann",5,"a"]]', 0, 0], before: LOGGED },
    { returns: 'list', shared: everything, item: ['[["i","ann",5],["i","bob",1]]', 1, 1], before: LOGGED },
    { returns: 'list', shared: bounded, item: ['[["s","dee",1],["b","eva",1]]', 1, 0], before: SCORES },
    { returns: 'integer', shared: everything, item: ['[["i","ann",5]]', 0, 0], before: LATE },
  ],
}
