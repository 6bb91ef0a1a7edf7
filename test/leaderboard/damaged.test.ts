import { createLeaderboard, type Leaderboard, type Penknife, PenknifeError } from '@penknife/core'
import { expect, test } from 'vitest'

import { type DamagingCommand, useTrials } from '../support/damage.ts'
import { useRedis } from '../support/redis.ts'

const bench = useRedis()
const trials = useTrials(bench)

/** A board that uses every kind of key, for each penknife. */
const boards = new Map<Penknife, Leaderboard>()

function boardOf(penknife: Penknife): Leaderboard {
  const found = boards.get(penknife)
  if (found) return found
  const board = createLeaderboard(penknife.space('shop'), 'points', {
    windows: {
      all: 'all-time',
      day: { calendar: 'day' },
      exact: { last: '1h' },
      about: { last: '1d', tolerance: '1h' },
    },
    denseRanks: true,
    dedup: { window: '1d' },
    events: { top: 2, overtaken: 2 },
  })
  board.on(() => {})
  boards.set(penknife, board)
  return board
}

/** The board of database 0, with something in each key. */
async function filledBoard(): Promise<Leaderboard> {
  const board = boardOf(trials.penknives[0] as Penknife)
  await board.increment('ann', 5, { id: 'a' })
  await board.increment('bob', 7, { id: 'b' })
  await board.increment('cem', 1, { id: 'c' })
  await board.remove('cem')
  await board.describe('ann', { name: 'Ann' })
  return board
}

const CALLS: Readonly<Record<string, (board: Leaderboard) => Promise<unknown>>> = {
  increment: (board) => board.increment('ann', 1),
  'increment with a change': (board) => board.increment('ann', 1, { change: 'exact' }),
  'increment with an id': (board) => board.increment('ann', 1, { id: 'd' }),
  'increment of someone new': (board) => board.increment('dee', 1),
  update: (board) =>
    board.update([
      { member: 'ann', increment: 1, id: 'd' },
      { member: 'bob', increment: 2 },
    ]),
  undo: (board) => board.undo('a'),
  remove: (board) => board.remove('ann'),
  describe: (board) => board.describe('bob', { name: 'Bob' }),
  'read of a rolling window': (board) => board.top(10, 1, { window: 'exact', data: true }),
  'read of a tolerant window': (board) => board.top(10, 1, { window: 'about', ranks: 'dense' }),
}

const OTHER_TYPES: readonly (readonly [command: string, ...args: string[]])[] = [
  ['SET', 'x'],
  ['RPUSH', 'x'],
  ['ZADD', '1', 'x'],
  ['HSET', 'f', 'x'],
  ['XADD', '1-1', 'f', 'x'],
]

/** What a foreign program may do to a key of the right type, with these fields if it is a hash. */
const FOREIGN: Readonly<
  Record<string, readonly ((key: string, fields: readonly string[]) => DamagingCommand)[]>
> = {
  zset: [
    (key) => ['ZADD', key, 1.5, 'ann'],
    (key) => ['ZADD', key, '+inf', 'ann'],
    (key) => ['ZADD', key, 3, 'two\nlines'],
  ],
  stream: [(key) => ['XADD', key, '*', 'foreign', 'x'], (key) => ['XADD', key, '*', 'm', 'ann', 'b', 'x']],
  hash: [
    (key) => ['HSET', key, 'ann', 'x', '=ann', 'x', 'ia', 'x', 'xann', 'x', 'f', ''],
    (key, fields) => ['HSET', key, ...fields.flatMap((field) => [field, '"x"'])],
  ],
}

interface Kept {
  readonly key: string
  readonly type: string
  readonly fields: readonly string[]
}

/** The keys of a filled board, and the commands that make them. */
async function keep(): Promise<{ readonly keys: readonly Kept[]; readonly restoring: DamagingCommand[] }> {
  await filledBoard()
  const names = (await bench.raw.keys('*')).toSorted()
  const restoring: DamagingCommand[] = []
  const keys: Kept[] = []
  for (const key of names) {
    const type = await bench.raw.type(key)
    keys.push({ key, type, fields: type === 'hash' ? await bench.raw.hkeys(key) : [] })
    restoring.push(['RESTORE', key, 3_600_000, await bench.raw.dumpBuffer(key)])
  }
  return { keys, restoring }
}

/** Makes each call on each damaged database. Returns how many were refused. */
async function tryAll(
  restoring: readonly DamagingCommand[],
  damages: readonly { readonly what: string; readonly commands: readonly DamagingCommand[] }[],
): Promise<number> {
  const results = await trials.run(
    damages.flatMap(({ what, commands }) =>
      Object.entries(CALLS).map(([name, call]) => ({
        what: `${name}, ${what}`,
        commands: [...restoring, ...commands],
        call: async (penknife: Penknife) => [
          await call(boardOf(penknife)).then(
            () => undefined,
            (error: unknown) => error,
          ),
        ],
      })),
    ),
  )
  const wrong = results.filter(({ errors: [error], changed }) => {
    if (error === undefined) return false
    return !(error instanceof PenknifeError) || error.fate !== 'not-done' || changed.length > 0
  })
  expect(wrong).toEqual([])
  return results.filter(({ errors: [error] }) => error !== undefined).length
}

test('a call on a key of another type either works, or changes nothing and fails', async () => {
  const { keys, restoring } = await keep()
  expect(keys.length).toBeGreaterThanOrEqual(14)
  const damages = keys.flatMap(({ key, type }) =>
    OTHER_TYPES.map(([command, ...args]) => ({
      what: `${key} is no ${type} (${command})`,
      commands: [
        ['DEL', key],
        [command, key, ...args],
      ] as const,
    })),
  )
  expect(await tryAll(restoring, damages)).toBeGreaterThan(300)
}, 120_000)

test('a call on a key with data of another program either works, or changes nothing and fails', async () => {
  const { keys, restoring } = await keep()
  const damages = keys.flatMap(({ key, type, fields }) =>
    (FOREIGN[type] ?? []).map((spoil, way) => ({
      what: `${key} spoiled in way ${way}`,
      commands: [spoil(key, fields)],
    })),
  )
  await tryAll(restoring, damages)
}, 120_000)

test('entries that another program added to a log do not count, and expire with the others', async () => {
  const board = await filledBoard()
  const log = 'pk1:{shop}:board:points:window:exact:log'
  const about = 'pk1:{shop}:board:points:window:about:log'
  for (const key of [log, about]) {
    const kept = await bench.raw.xrange(key, '-', '+')
    await bench.raw.del(key)
    // All of them years ago, so that they are due. The board's own entries are added again after them.
    await bench.raw.xadd(key, '1-1', 'foreign', 'x')
    await bench.raw.xadd(key, '1-2', 'm', 'ann', 'b', 'nan')
    await bench.raw.xadd(key, '1-3', 'm', 'ann', 'b', 'x')
    for (const [id, fields] of kept) await bench.raw.xadd(key, id, ...fields)
  }
  for (const key of ['exact', 'about']) {
    expect(await board.rank('ann', { window: key })).toMatchObject({ score: 5 })
  }
  expect(await bench.raw.xrange(log, '-', '1-9')).toEqual([])
  expect(await bench.raw.xrange(about, '-', '1-9')).toEqual([])
})
