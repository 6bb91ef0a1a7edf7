import {
  createCounters,
  createLeaderboard,
  type Leaderboard,
  type LeaderboardOptions,
  live,
  type LiveCounter,
  type LiveView,
  record as makeTogether,
} from '@penknife/core'
import * as fc from 'fast-check'
import { expect, onTestFinished, test, vi } from 'vitest'

import { View } from '../../packages/core/src/live/view.ts'
import { openReady } from '../support/connect.ts'
import { ownRedis, pattern, useRedis } from '../support/redis.ts'
import { cases, LONG, until } from '../support/until.ts'
import { watch } from './watched.ts'

const bench = useRedis()

async function openSpace(url = bench.server.url) {
  return (await openReady(pattern(url), { deadline: 500 })).space('shop')
}

/** A board that counts its reads. */
function counted(board: Leaderboard): { readonly board: Leaderboard; reads: number } {
  const counts = { board, reads: 0 }
  const { top } = board
  board.top = (...args) => {
    counts.reads += 1
    return top(...args)
  }
  return counts
}

const change = fc.oneof(
  fc.record({
    do: fc.constantFrom('increment', 'set', 'remove', 'record'),
    member: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
    by: fc.integer({ min: -3, max: 3 }),
  }),
  fc.record({
    do: fc.constantFrom('clear', 'remove range', 'undo', 'wait'),
    member: fc.constant('a'),
    by: fc.constant(1),
  }),
)

test.each([
  ['a plain board', {}],
  ['a board that tells of its changes', { live: true, ties: 'member-descending' }],
  [
    'a board with first-come ties, ids and windows',
    {
      live: true,
      ties: { since: '2020-01-01', until: '2060-01-01', unit: '1m' },
      dedup: { window: '1h' },
      windows: { all: 'all-time', day: { calendar: 'day' } },
    },
  ],
] as [string, LeaderboardOptions][])(
  'of %s each picture is one that the board had, and after quiet it is the board',
  async (_name, options) => {
    const space = await openSpace()
    const other = await openSpace()
    let runs = 0
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 5, maxLength: 40, size: 'max' }), async (steps) => {
        const name = `points${runs++}`
        const board = createLeaderboard(space, name, options)
        // Another process changes it.
        const writer = createLeaderboard(other, name, options)
        const rates = { every: 20, tick: options.live ? '1m' : '1s' } as const
        const reads = [
          { view: live(board, { top: 4, ...rates }), read: () => board.top(4) },
          {
            view: live(board, { around: 'c', each: 1, ...rates }),
            read: async () => (await board.around('c', 1)) ?? [],
          },
          {
            view: live(board, { rank: 'b', ranks: 'competition', ...rates }),
            read: () => board.rank('b', { ranks: 'competition' }),
          },
        ]
        const watched = reads.map(({ view }) => watch(view as LiveView))
        const had: Set<string>[] = reads.map(() => new Set<string>())
        const note = async (): Promise<void> => {
          for (const [at, { read }] of reads.entries()) had[at]?.add(JSON.stringify(await read()))
        }
        await note()
        /** Every view has what the board has now. */
        const caughtUp = async (): Promise<void> => {
          for (const [at, { read }] of reads.entries()) {
            const now = await read()
            await until(
              `${JSON.stringify(now)} in ${JSON.stringify(watched[at]?.pictures.at(-1))}`,
              () => watched[at]?.is(now) ?? false,
            )
          }
        }
        let ids = 0
        for (const step of steps) {
          const { member, by } = step
          if (step.do === 'increment')
            await writer.increment(member, by, options.dedup ? { id: `i${ids++}` } : {})
          else if (step.do === 'set') await writer.set(member, by)
          else if (step.do === 'remove') await writer.remove(member)
          else if (step.do === 'record') await makeTogether(other, writer.incrementing(member, by))
          else if (step.do === 'clear') await writer.clear()
          else if (step.do === 'remove range') await writer.removeRange({ to: 1 })
          else if (step.do === 'undo') {
            if (options.dedup && ids > 0) await writer.undo(`i${ids - 1}`)
          } else await caughtUp()
          await note()
        }
        await caughtUp()
        for (const at of reads.keys()) {
          const strange = watched[at]?.pictures.filter((picture) => !had[at]?.has(JSON.stringify(picture)))
          expect(strange).toEqual([])
          watched[at]?.stop()
        }
      }),
      cases(15, 500),
    )
  },
  LONG ? 1_200_000 : 60_000,
)

test('all watchers share the reads, and the last one that leaves ends what is followed', async () => {
  const space = await openSpace()
  const counts = counted(createLeaderboard(space, 'points', { live: true }))
  const writer = createLeaderboard(await openSpace(), 'points', { live: true })
  const top = live(counts.board, { top: 3, every: 20, tick: '1h' })
  expect(counts.reads).toBe(0)
  const followed = async (): Promise<number> =>
    ((await bench.raw.call('PUBSUB', 'SHARDCHANNELS', '*board*')) as unknown[]).length
  const watched = Array.from({ length: 50 }, () => watch(top))
  await until('all have the state', () => watched.every(({ is }) => is([])))
  await until('it is followed', async () => (await followed()) === 1)
  const before = counts.reads
  await Promise.all(Array.from({ length: 500 }, (_, nth) => writer.increment(`m${nth % 5}`)))
  await until('all have the board', async () => {
    const rows = await writer.top(3)
    return watched.every(({ is }) => is(rows))
  })
  expect(counts.reads - before).toBeLessThan(30)
  const late = watch(top)
  await until('a late one has the state', () => late.pictures.length === 1)
  for (const { stop } of [...watched, late]) stop()
  await until('it is not followed', async () => (await followed()) === 0)
})

test('without changes a view is read at its tick, and without watchers never', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  onTestFinished(() => void vi.useRealTimers())
  let changed: (() => void) | undefined
  let reads = 0
  const view = new View<number>({
    title: 'a view',
    read: () => ++reads,
    changes: {
      follow(listener, reliable) {
        changed = () => listener('')
        reliable(true)
        return () => (changed = undefined)
      },
    },
    everyMs: 20,
    tickMs: 3_600_000,
  })
  await vi.advanceTimersByTimeAsync(3_600_000)
  expect(reads).toBe(0)
  const watched = Array.from({ length: 3 }, () => watch(view))
  await vi.advanceTimersByTimeAsync(3_599_000)
  expect(reads).toBe(1)
  for (let nth = 0; nth < 100; nth++) {
    changed?.()
    await vi.advanceTimersByTimeAsync(1)
  }
  // One at once, and one every 20 ms.
  const quiet = 2 + 100 / 20
  expect(reads).toBe(quiet)
  await vi.advanceTimersByTimeAsync(3_500_000)
  expect(reads).toBe(quiet)
  await vi.advanceTimersByTimeAsync(200_000)
  expect(reads).toBe(quiet + 1)
  expect(watched.every(({ is }) => is(reads))).toBe(true)
  changed?.()
  for (const { stop } of watched) stop()
  expect(changed).toBeUndefined()
  await vi.advanceTimersByTimeAsync(7_200_000)
  expect(reads).toBe(quiet + 1)
  watch(view)
  await vi.advanceTimersByTimeAsync(0)
  expect(reads).toBe(quiet + 2)
})

test('a counter is read when it was changed, by whatever changed it, and what time alone changes at the tick', async () => {
  const space = await openSpace()
  const seats = createCounters(space, 'seats', { initial: 10, floor: 0 })
  const { pictures } = watch(
    live(createCounters(await openSpace(), 'seats', { initial: 10, floor: 0 }), {
      counter: 'row',
      every: 20,
      tick: '1h',
    }),
  )
  const at = (value: number, available = value): boolean => {
    const picture = pictures.at(-1) as LiveCounter | undefined
    return picture?.value === value && picture.available === available
  }
  await until('the state', () => at(10))
  await seats.decrement('row', 3)
  await until('7', () => at(7))
  await makeTogether(space, seats.incrementing('row', 1))
  await until('8', () => at(8))
  const { reservation } = (await seats.reserve([{ counter: 'row', by: -2 }], { expires: '1h' })) as {
    reservation: { cancel(): Promise<unknown> }
  }
  await until('6 are left', () => at(8, 6))
  await reservation.cancel()
  await until('8', () => at(8))
  await seats.set('row', 1)
  await seats.decrement('other', 1)
  await until('1', () => at(1))
  expect(pictures.at(0)).toMatchObject({ value: 10, available: 10 })

  const rolling = createLeaderboard(space, 'rolling', { windows: { last: { last: '1s' } } })
  await rolling.increment('ann')
  const soon = watch(live(rolling, { top: 3, every: 20, tick: 100 }))
  await until('it is there', () => soon.pictures.length === 1)
  await until('it expired', () => soon.is([]))
})

test('while Redis is away a view keeps its value, and then it has what changed meanwhile', async () => {
  const server = await ownRedis({ persist: true })
  const space = await openSpace(server.url)
  const board = createLeaderboard(space, 'points', { live: true })
  await board.increment('ann')
  const { pictures, is } = watch(live(board, { top: 3, every: 20, tick: '1h' }))
  await until('the state', () => pictures.length === 1)
  await server.kill()
  await until('Redis is away', () =>
    board.top(1).then(
      () => false,
      () => true,
    ),
  )
  await server.start()
  const again = createLeaderboard(await openSpace(server.url), 'points', { live: true })
  await again.increment('ben', 2)
  const rows = await again.top(3)
  await until('the change', () => is(rows))
})

test('anything that can be read is a view; watchers that fail do no harm, and wrong options are refused', async () => {
  let value: unknown = [{ member: 'a', n: 1 }]
  const view = live({ read: () => value, every: 20 })
  view.watch(() => {
    throw new Error('on purpose')
  })
  const { pictures, is } = watch(view)
  await until('the state', () => pictures.length === 1)
  for (const next of [
    [{ member: 'b' }, { member: 'a', n: 1 }],
    [{ member: 'b' }],
    'text',
    null,
    [{ member: 'x' }, { member: 'x' }],
    [],
  ]) {
    value = next
    await until('the next', () => is(next))
  }
  let fails = true
  const failing = live({ read: () => (fails ? Promise.reject(new Error('on purpose')) : 1), every: 20 })
  const later = watch(failing)
  await expect(failing.value()).rejects.toThrow('on purpose')
  fails = false
  await until('it works again', () => later.is(1))
  const space = await openSpace()
  const board = createLeaderboard(space, 'points')
  const wrong =
    (source: object, options?: object): (() => unknown) =>
    () =>
      live(source as never, options as never)
  expect(wrong(board, { top: 3, every: 1 })).toThrow('live every is 1')
  expect(wrong(board, { topp: 3 })).toThrow("'topp'")
  expect(wrong(board, {})).toThrow('give one of top, around and rank')
  expect(wrong(board, { counter: 'x', top: 3 })).toThrow("'top'")
  expect(wrong({ name: 'x' }, { top: 3 })).toThrow('give a leaderboard made by createLeaderboard')
  expect(wrong(board, { counter: 'x' })).toThrow('give counters made by createCounters')
  expect(wrong({ read: 1 })).toThrow('live read is 1')
  expect(() => createLeaderboard(space, 'points', { live: 1 as never })).toThrow(
    'live is 1: give true or false',
  )
})

test('a board with live tells of every kind of change', async () => {
  const space = await openSpace()
  const options = { live: true, dedup: { window: '1h' } } as const
  const board = createLeaderboard(space, 'points', options)
  const { is } = watch(
    live(createLeaderboard(await openSpace(), 'points', options), { top: 9, every: 20, tick: '1h' }),
  )
  const changes: readonly (() => Promise<unknown>)[] = [
    () => board.increment('ann', 5),
    () => board.set('ben', 9),
    () => board.best('ben', 10),
    () => board.update([{ member: 'eve', increment: 1 }]),
    () => board.increment('ann', 7, { id: 'x' }),
    () => board.undo('x'),
    () => makeTogether(space, board.incrementing('ann', 8)),
    () => board.remove('eve'),
    () => board.removeRange({ to: 1 }),
    () => board.endSeason('spring'),
    () => board.increment('zoe'),
    () => board.clear(),
  ]
  await until('the state', () => is([]))
  let before = '[]'
  for (const [at, make] of changes.entries()) {
    await make()
    const rows = await board.top(9)
    expect([at, JSON.stringify(rows)]).not.toEqual([at, before])
    before = JSON.stringify(rows)
    await until(`change ${at}`, () => is(rows), 5000)
  }
})
