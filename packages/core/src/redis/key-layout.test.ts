import { expect, test } from 'vitest'

import { decodeKey } from './key-layout.ts'
import { createKeys, type Keys } from './keys.ts'

const keys = createKeys('shop', { keyPrefix: 'app:', db: 0 })
const shard = keys.shard('ann')
const ID = 'a:b\n\u202e/ 1'

/** The names of methods of `Keys` that make keys; the others make pub/sub channels, or no text. */
type Maker = Exclude<
  keyof Keys,
  | 'route'
  | 'shard'
  | 'outcomes'
  | 'pausing'
  | 'watching'
  | 'leaderboardLive'
  | 'live'
  | 'nudges'
  | 'controlLive'
  | 'processes'
  | 'guardLive'
  | 'guardShardLive'
>

/** Keys of each method, and what they are: feature, object, kind. A new method of `Keys` needs a line here, and its key a place in key-layout.ts. */
const MADE: Readonly<
  Record<Maker, readonly (readonly [key: string, feature: string | undefined, name: string, kind: string])[]>
> = {
  registry: [
    [keys.registry.names, undefined, '', 'registry'],
    [keys.registry.seen, undefined, '', 'registry'],
    [keys.registry.options, undefined, '', 'registry'],
  ],
  spaces: [[keys.spaces.names, undefined, '', 'spaces']],
  stream: [[keys.stream('s.1'), 'stream', 's.1', 'stream']],
  ready: [[keys.ready('s', 'g'), 'stream', 's', 'stream:ready']],
  delayed: [[keys.delayed('s', 'g'), 'stream', 's', 'stream:delayed']],
  low: [[keys.low('s', 'g'), 'stream', 's', 'stream:low']],
  deadLetters: [[keys.deadLetters('s', 'g'), 'stream', 's', 'stream:dead']],
  busyPlaces: [[keys.busyPlaces('s', 'g'), 'stream', 's', 'stream:busy']],
  queued: [[keys.queued('s', 'g'), 'stream', 's', 'stream:queued']],
  results: [[keys.results('s', 'g'), 'stream', 's', 'stream:results']],
  resultsDue: [[keys.resultsDue('s', 'g'), 'stream', 's', 'stream:results-due']],
  output: [[keys.output('s', 'g', '1-0'), 'stream', 's', 'stream:output']],
  paused: [[keys.paused('s', 'g'), 'stream', 's', 'stream:paused']],
  watched: [[keys.watched('s'), 'stream', 's', 'stream:watched']],
  addedId: [[keys.addedId('s', ID), 'stream', 's', 'stream:id']],
  latest: [[keys.latest('s', ID), 'stream', 's', 'stream:latest']],
  declaration: [[keys.declaration('s'), 'stream', 's', 'stream:declaration']],
  tags: [[keys.tags('s'), 'stream', 's', 'stream:tags']],
  schedules: [[keys.schedules('s'), 'stream', 's', 'stream:schedules']],
  schedulesDue: [[keys.schedulesDue('s'), 'stream', 's', 'stream:schedules-due']],
  scheduleIds: [[keys.scheduleIds('s'), 'stream', 's', 'stream:schedule-ids']],
  settled: [[keys.settled('s', 'c'), 'stream', 's', 'stream:settled']],
  written: [[keys.written('s', 'w'), 'stream', 's', 'stream:written']],
  committed: [[keys.committed('s', 'c'), 'stream', 's', 'stream:committed']],
  leaderboard: [[keys.leaderboard('b'), 'leaderboard', 'b', 'board']],
  leaderboardPart: [
    [keys.leaderboardPart('b', 'window', 'day', '1'), 'leaderboard', 'b', 'board:window'],
    [keys.leaderboardPart('b', 'all', 'scores'), 'leaderboard', 'b', 'board:all'],
    [keys.leaderboardPart('b', 'merged', '#h', 'rows'), undefined, 'b', 'board:merged'],
    [keys.leaderboardPart('b', 'season', '1', 'data'), 'leaderboard', 'b', 'board:season'],
    [keys.leaderboardPart('b', 'idlog'), 'leaderboard', 'b', 'board:idlog'],
  ],
  history: [[keys.history('n', ID), 'notifier', 'n', 'notify']],
  notifierDeclaration: [[keys.notifierDeclaration('n'), 'notifier', 'n', 'notify-declaration']],
  beginnings: [[keys.beginnings('n'), undefined, 'n', 'notify-next']],
  published: [[keys.published('n', 'c', ID), 'notifier', 'n', 'notify-id']],
  control: [[keys.control('n'), 'notifier', 'n', 'notify-control']],
  connections: [[keys.connections('n', ID), 'notifier', 'n', 'notify-connections']],
  presence: [[keys.presence('counts', 'p', ID), undefined, 'p', 'presence-counts']],
  presenceDue: [[keys.presenceDue('p'), undefined, 'p', 'presence-due']],
  limit: [
    [keys.limit(shard, 'l', ID), 'limiter', 'l', 'limit'],
    [keys.limit(keys.route, 'l/tenant', '3/a/b'), 'limiter', 'l', 'limit'],
  ],
  limitLog: [[keys.limitLog(shard, 'l/tenant/minute', ID), 'limiter', 'l', 'limit-log']],
  limitSlots: [[keys.limitSlots(shard, 'l/slots', ID), 'limiter', 'l', 'limit-slots']],
  limitDeclared: [[keys.limitDeclared('l'), 'limiter', 'l', 'limit-declared']],
  limitRules: [[keys.limitRules('l'), 'limiter', 'l', 'limit-rules']],
  limitDenied: [[keys.limitDenied('l', 29_000_000), 'limiter', 'l', 'limit-denied']],
  limitBlocks: [[keys.limitBlocks('l'), 'limiter', 'l', 'limit-blocks']],
  guard: [
    [keys.guard('counter', 'c'), 'counters', 'c', 'counter'],
    [keys.guard('counter', 'c', '20261122T230000Z'), 'counters', 'c', 'counter'],
    [keys.guard('counter', 'c', '20261122T230000Z', 'reserved'), 'counters', 'c', 'counter:reserved'],
    [keys.guard('counter', 'c', 'declaration'), 'counters', 'c', 'counter:declaration'],
    [keys.guard('fence', 'last'), undefined, '', 'fence:last'],
    [keys.guard('seen', 'd'), 'deduper', 'd', 'seen'],
  ],
  guardOf: [
    [keys.guardOf('counter-id', 'c', ID), 'counters', 'c', 'counter-id'],
    [keys.guardOf('fence', 'of', ID), undefined, '', 'fence:of'],
    [keys.guardOf('fence', 'value', ID), undefined, '', 'fence:value'],
    [keys.guardOf('once', 'o', ID), 'once', 'o', 'once'],
    [keys.guardOf('object', 'o', ID), 'objects', 'o', 'object'],
    [keys.guardOf('lock', 'j', ID), 'lock', 'j', 'lock'],
    [keys.guardOf('lock-queue', 'j', ID), 'lock', 'j', 'lock-queue'],
    [keys.guardOf('permit', 'p', ID), 'semaphore', 'p', 'permit'],
    [keys.guardOf('permit-extra', 'p', ID), 'semaphore', 'p', 'permit-extra'],
  ],
  recorded: [[keys.recorded(ID), undefined, '', 'record']],
  guardShard: [[keys.guardShard(shard, 'seen', 'd'), 'deduper', 'd', 'seen']],
  guardShardOf: [[keys.guardShardOf(shard, 'request', 'r', ID), 'requests', 'r', 'request']],
}

test('a key says which object it belongs to', () => {
  for (const [key, feature, name, kind] of Object.values(MADE).flat()) {
    const space = kind === 'spaces' ? '' : 'shop'
    expect([key, decodeKey(key, 'app:')]).toEqual([
      key,
      expect.objectContaining({ space, feature, name, kind }),
    ])
  }
  expect(decodeKey(keys.ready('s', 'g'), 'app:')?.group).toBe('g')
  expect(decodeKey(keys.output('s', 'g', '1-0'), 'app:')?.group).toBe('g')
})

test('a name that penknife does not make is not decoded', () => {
  const strange = [
    'pk1:{shop}:stream:s',
    'app:pk1:',
    'app:pk1:{}:stream:s',
    'app:pk1:{shop/16}:limit:l:ann',
    'app:pk1:{shop/1}:stream:s',
    'app:pk1:{shop}:stream:',
    'app:pk1:{shop}:stream:a b',
    'app:pk1:{shop}:stream:s:other',
    'app:pk1:{shop}:stream:s:constructor',
    'app:pk1:{shop}:constructor:s',
    'app:pk1:{shop}:limit:l',
    'app:pk1:{shop}:fence:first',
    'app:pk1:{a b}:stream:s',
    'app:pk1:{/}:spaces:more',
    'app:pk2:{shop}:stream:s',
  ]
  expect(strange.filter((key) => decodeKey(key, 'app:') !== undefined)).toEqual([])
})
