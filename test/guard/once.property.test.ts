import { createOnce, type OnceAnswer } from '@penknife/core'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { createClock, useSettableClock } from '../support/clock.ts'
import { deferred } from '../support/deferred.ts'
import { openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { cases } from '../support/until.ts'

useSettableClock()

const bench = useRedis()
const START_US = 1_800_000_000_000_000
const HOUR_US = 3_600_000_000

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('run' as const), process: fc.nat({ max: 1 }) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('finish' as const),
      which: fc.nat({ max: 3 }),
      fails: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('clock' as const), us: fc.nat({ max: 2 * HOUR_US }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('forget' as const), process: fc.nat({ max: 1 }) }) },
)

/** A body that runs until the test ends it. */
interface Run {
  readonly number: number
  readonly answer: Promise<OnceAnswer<number>>
  /** Ends the body: with true it throws. */
  readonly end: (fails: boolean) => void
}

/** What the model knows of the id. */
type State =
  | { readonly kind: 'free' }
  | { readonly kind: 'claimed'; readonly by: number; readonly untilUs: number }
  | { readonly kind: 'done'; readonly result: number }
  | { readonly kind: 'failed'; readonly message: string }

const seen = { first: 0, stored: 0, running: 0, failed: 0, takenOver: 0, lost: 0 }

test('every answer of once is the one that a model of a single claim gives', async () => {
  const clock = createClock(bench.raw)
  const penknives = [await openReady(pattern(bench.server.url)), await openReady(pattern(bench.server.url))]
  const property = fc.asyncProperty(
    fc.boolean(),
    fc.boolean(),
    fc.array(step, { minLength: 5, maxLength: 25 }),
    async (stores, forgetOnFailure, steps) => {
      await bench.raw.flushall()
      await clock.set(START_US)
      const options = { window: stores ? '1h' : 0, lease: '1h', maxRun: '2h', forgetOnFailure } as const
      const processes = penknives.map((penknife) => createOnce(penknife.space('shop'), 'charge', options))
      const runs: Run[] = []
      let state: State = { kind: 'free' }
      let count = 0

      for (const next of steps) {
        if (next.kind === 'clock') await clock.advance(next.us)
        else if (next.kind === 'forget') {
          const stored = state.kind === 'done' || state.kind === 'failed'
          expect(await processes[next.process]?.forget('a')).toBe(stored)
          if (stored) state = { kind: 'free' }
        } else if (next.kind === 'run') {
          const number = count++
          const [begun, end] = [deferred(), deferred<boolean>()]
          const body = async (): Promise<number> => {
            begun.resolve()
            if (await end.promise) throw new Error(`failure ${number}`)
            return number
          }
          const once = processes[next.process] as (typeof processes)[number]
          const answer = once.run('a', body, { wait: 0 })
          answer.catch(() => {})
          const runsNow = await Promise.race([begun.promise.then(() => true), answer.then(() => false)])
          const overdue = state.kind === 'claimed' && state.untilUs <= clock.now
          expect(runsNow).toBe(state.kind === 'free' || overdue)
          if (runsNow) {
            if (overdue) seen.takenOver++
            runs.push({ number, answer, end: end.resolve })
            state = { kind: 'claimed', by: number, untilUs: clock.now + HOUR_US }
          } else if (state.kind === 'done') {
            seen.stored++
            expect(await answer).toEqual({ status: 'done', first: false, result: state.result })
          } else if (state.kind === 'failed') {
            seen.failed++
            expect(await answer).toEqual({ status: 'failed', message: state.message })
          } else {
            seen.running++
            expect(await answer).toEqual({ status: 'running' })
          }
        } else {
          const [run] = runs.splice(next.which % Math.max(1, runs.length), 1)
          if (!run) continue
          const owns: boolean = state.kind === 'claimed' && state.by === run.number
          if (next.fails) {
            run.end(true)
            await expect(run.answer).rejects.toThrow(`failure ${run.number}`)
            if (owns && forgetOnFailure) state = { kind: 'free' }
            else if (owns)
              state = stores ? { kind: 'failed', message: `failure ${run.number}` } : { kind: 'free' }
          } else {
            run.end(false)
            if (owns) {
              seen.first++
              expect(await run.answer).toEqual({ status: 'done', first: true, result: run.number })
              state = stores ? { kind: 'done', result: run.number } : { kind: 'free' }
            } else {
              seen.lost++
              await expect(run.answer).rejects.toMatchObject({ code: 'PENKNIFE_LEASE_LOST', fate: 'unknown' })
            }
          }
        }
      }
      for (const run of runs) run.end(false)
      await Promise.allSettled(runs.map(({ answer }) => answer))
    },
  )
  await fc.assert(property, cases(60, 3000))
  // Each kind of answer was seen.
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(0)
}, 300_000)
