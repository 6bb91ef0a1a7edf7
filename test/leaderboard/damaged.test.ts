import { createLeaderboard, type Leaderboard, PenknifeError } from '@penknife/core'
import type { Redis } from 'ioredis'
import { expect, test } from 'vitest'

import { openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'

const bench = useRedis({ args: ['--enable-debug-command', 'yes'] })

/** A board that uses every kind of key, with something in each. */
async function filledBoard(): Promise<Leaderboard> {
  const penknife = await openReady(pattern(bench.server.url))
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

/** What a foreign program may do to a key of the right type. */
const FOREIGN: Readonly<Record<string, readonly ((key: string) => Promise<unknown>)[]>> = {
  zset: [
    (key) => bench.raw.zadd(key, 1.5, 'ann'),
    (key) => bench.raw.zadd(key, '+inf', 'ann'),
    (key) => bench.raw.zadd(key, 3, 'two\nlines'),
  ],
  stream: [
    (key) => bench.raw.xadd(key, '*', 'foreign', 'x'),
    (key) => bench.raw.xadd(key, '*', 'm', 'ann', 'b', 'x'),
  ],
  hash: [
    (key) => bench.raw.hset(key, 'ann', 'x', '=ann', 'x', 'ia', 'x', 'xann', 'x', 'f', ''),
    async (key) => bench.raw.hset(key, ...(await bench.raw.hkeys(key)).flatMap((field) => [field, '"x"'])),
  ],
}

async function snapshot(raw: Redis): Promise<ReadonlyMap<string, Buffer>> {
  const keys = (await raw.keys('*')).toSorted()
  const dumps = await Promise.all(keys.map((key) => raw.dumpBuffer(key)))
  return new Map(keys.map((key, at) => [key, dumps[at] as Buffer]))
}

async function restore(raw: Redis, kept: ReadonlyMap<string, Buffer>): Promise<void> {
  const restoring = raw.pipeline().flushall()
  for (const [key, dump] of kept) restoring.restore(key, 3_600_000, dump)
  for (const [error] of (await restoring.exec()) ?? []) if (error) throw error
}

/** Of all keys but the declaration, which a board writes again now and then, beside its calls. */
async function digest(): Promise<string> {
  const keys = (await bench.raw.keys('*')).filter((key) => !key.endsWith(':declaration')).toSorted()
  return JSON.stringify([keys, await bench.raw.call('DEBUG', ['DIGEST-VALUE', ...keys])])
}

/** Damages a key and makes a call. Returns its outcome. */
async function damageDone(
  spoil: () => Promise<unknown>,
  call: () => Promise<unknown>,
): Promise<{ fate: string; changed: boolean }> {
  await spoil()
  const before = await digest()
  const fate = await call().then(
    () => 'done',
    (error: unknown) => (error instanceof PenknifeError ? error.fate : String(error)),
  )
  return { fate, changed: (await digest()) !== before }
}

test('a call on a key of another type either works, or changes nothing and fails', async () => {
  const board = await filledBoard()
  const kept = await snapshot(bench.raw)
  expect(kept.size).toBeGreaterThanOrEqual(14)
  let refused = 0
  for (const key of kept.keys()) {
    const type = await bench.raw.type(key)
    for (const [command, ...args] of OTHER_TYPES) {
      for (const [name, call] of Object.entries(CALLS)) {
        await restore(bench.raw, kept)
        await bench.raw.del(key)
        const spoil = (): Promise<unknown> => bench.raw.call(command, [key, ...args])
        const { fate, changed } = await damageDone(spoil, () => call(board))
        const what = `${name}, ${key} is no ${type} (${command})`
        expect(['done', 'not-done'], what).toContain(fate)
        if (fate !== 'not-done') continue
        refused += 1
        expect(changed, `${what}: wrote`).toBe(false)
      }
    }
  }
  expect(refused).toBeGreaterThan(300)
}, 120_000)

test('a call on a key with data of another program either works, or changes nothing and fails', async () => {
  const board = await filledBoard()
  const kept = await snapshot(bench.raw)
  for (const key of kept.keys()) {
    const ways = FOREIGN[await bench.raw.type(key)] ?? []
    for (const [way, spoil] of ways.entries()) {
      for (const [name, call] of Object.entries(CALLS)) {
        await restore(bench.raw, kept)
        const { fate, changed } = await damageDone(
          () => spoil(key),
          () => call(board),
        )
        const what = `${name}, ${key} spoiled in way ${way}`
        expect(['done', 'not-done'], what).toContain(fate)
        if (fate === 'not-done') expect(changed, `${what}: wrote`).toBe(false)
      }
    }
  }
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
