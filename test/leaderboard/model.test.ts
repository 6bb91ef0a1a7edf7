import { createLeaderboard } from '@penknife/core'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { Model } from './model.ts'

const bench = useRedis()

// Few members and few scores, so that ties and repetitions are common; names whose order by UTF-16 and by bytes differ.
const member = fc.constantFrom(
  'a',
  'B',
  'b',
  'aa',
  'ż',
  '\u{1f422}',
  '\ufffd',
  '~',
  '0',
  ' ',
  'a:b',
  '__proto__',
)
const by = fc.oneof(
  fc.constantFrom(1, 1, 2, -1, 0.1, 0.2, -0.3, 1e15, 2 ** 53, 1e-300, Number.MIN_VALUE, 1e300, -1e300),
  fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e306, max: 1e306 }),
)
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('increment' as const), member, by }) },
  fc.record({
    kind: fc.constant('top' as const),
    count: fc.integer({ min: 1, max: 15 }),
    from: fc.integer({ min: 1, max: 15 }),
  }),
  fc.record({ kind: fc.constant('rank' as const), member }),
  fc.record({ kind: fc.constant('around' as const), member, each: fc.integer({ min: 0, max: 12 }) }),
)

test('a board agrees with a plain model, whatever happens to it', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const space = penknife.space('shop')
  let boards = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const board = createLeaderboard(space, `board-${boards++}`)
      const model = new Model()
      for (const each of steps) {
        if (each.kind === 'increment') {
          const score = await board.increment(each.member, each.by)
          expect(score === model.increment(each.member, each.by)).toBe(true)
        } else if (each.kind === 'top') {
          expect(zeros(await board.top(each.count, each.from))).toEqual(
            zeros(model.top(each.count, each.from)),
          )
        } else if (each.kind === 'rank') {
          const row = await board.rank(each.member)
          expect(zeros(row && [row])).toEqual(
            zeros([model.rank(each.member)].filter((found) => found !== null)),
          )
        } else {
          expect(zeros(await board.around(each.member, each.each))).toEqual(
            zeros(model.around(each.member, each.each)),
          )
        }
      }
    }),
    { numRuns: 150 },
  )
}, 60_000)

/** Minus zero is zero here. */
function zeros<R extends { readonly score: number }>(rows: readonly R[] | null): R[] {
  return (rows ?? []).map((row) => ({ ...row, score: row.score + 0 }))
}

test('increments of many callers at once add up', async () => {
  const penknives = await Promise.all([1, 2, 3].map(() => openReady(pattern(bench.server.url))))
  const model = new Model()
  await Promise.all(
    penknives.flatMap((penknife, process) => {
      const board = createLeaderboard(penknife.space('shop'), 'points')
      return Array.from({ length: 2000 }, (_, at) => {
        model.increment(`m${(at * 7 + process) % 53}`, at % 11)
        return board.increment(`m${(at * 7 + process) % 53}`, at % 11)
      })
    }),
  )
  const board = createLeaderboard(penknives[0]!.space('shop'), 'points')
  expect(await board.top(100)).toEqual(model.rows())
})
