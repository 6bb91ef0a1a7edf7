import { type CounterChange, createCounters } from '@penknife/core'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { createClock, useSettableClock } from '../support/clock.ts'
import { openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { cases } from '../support/until.ts'
import { createCounterModel } from './counter-model.ts'

useSettableClock()

const bench = useRedis()
const START_US = 1_800_000_000_000_000
const MINUTE_US = 60_000_000
const LIMITS = { floor: -2, ceiling: 9, initial: 4 }

const change = fc.record(
  {
    counter: fc.constantFrom('a', 'b', 'c'),
    by: fc.integer({ min: -6, max: 6 }),
    floor: fc.integer({ min: -4, max: 2 }),
    ceiling: fc.integer({ min: 6, max: 12 }),
  },
  { requiredKeys: ['counter', 'by'] },
)
const changes = fc.array(change, { minLength: 1, maxLength: 4 })
/** What is done together in one tick, and so in one batch, in which counters and ids repeat. */
const severalOf = <Value>(each: fc.Arbitrary<Value>) => fc.array(each, { minLength: 1, maxLength: 4 })
const counter = fc.constantFrom('a', 'b', 'c')
/** Some reservations have an id of the caller; the others get a new one. */
const named = fc.integer({ min: 0, max: 2 })
const reserving = fc.record({
  changes,
  minutes: fc.integer({ min: 1, max: 2 }),
  id: fc.option(named, { nil: undefined, freq: 2 }),
})
const ending = fc.record({
  which: fc.nat({ max: 9 }),
  how: fc.constantFrom('committed' as const, 'cancelled' as const),
  amounts: fc.option(fc.record({ counter, by: fc.integer({ min: -6, max: 6 }) }), { freq: 2 }),
})
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('change' as const), calls: severalOf(changes) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('add' as const),
      calls: severalOf(fc.record({ counter, by: fc.integer({ min: -6, max: 6 }) })),
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('reserve' as const), calls: severalOf(reserving) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('end' as const), calls: severalOf(ending) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('clock' as const),
      us: fc.integer({ min: 0, max: 4 * MINUTE_US }),
    }),
  },
)

const seen = { made: 0, refused: 0, expired: 0, committed: 0, committedLess: 0, tooMuch: 0, repeated: 0 }

test('every answer of counters is the one that plain arithmetic gives, with reservations that expire', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const clock = createClock(bench.raw)
  const property = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
    await bench.raw.flushall()
    await clock.set(START_US)
    const stock = createCounters(penknife.space('shop'), 'stock', { ...LIMITS, dedup: { window: '1m' } })
    const model = createCounterModel({ ...LIMITS, rememberUs: MINUTE_US })
    const ids: string[] = ['r0', 'r1', 'r2']

    for (const next of steps) {
      if (next.kind === 'clock') {
        await clock.advance(next.us)
        // Reservations expire by calls: the model does so at the same moment.
        await stock.read(['a'])
        model.advance(clock.now)
      } else if (next.kind === 'change') {
        const answers = await Promise.all(next.calls.map((each) => stock.change(each)))
        for (const [at, each] of next.calls.entries()) check(each, model.change(each), answers[at])
      } else if (next.kind === 'add') {
        const answers = await Promise.all(
          next.calls.map(({ counter: name, by }) =>
            by < 0 ? stock.decrement(name, -by) : stock.increment(name, by),
          ),
        )
        for (const [at, each] of next.calls.entries()) {
          const answer = answers[at] as (typeof answers)[number]
          const several = answer.ok
            ? { ok: true, repeated: false, counters: [answer] }
            : { ok: false, refused: [answer] }
          check([each], model.change([each]), several)
        }
      } else if (next.kind === 'reserve') {
        const answers = await Promise.all(
          next.calls.map(({ changes: wanted, minutes, id }) =>
            stock.reserve(wanted, {
              expires: minutes * 60_000,
              ...(id === undefined ? {} : { id: `r${id}` }),
            }),
          ),
        )
        for (const [at, { changes: wanted, minutes, id: given }] of next.calls.entries()) {
          const answer = answers[at] as (typeof answers)[number]
          const id = given === undefined ? (answer.ok ? answer.reservation.id : 'refused') : `r${given}`
          if (model.knows(id)) {
            seen.repeated++
            expect(answer).toMatchObject({ ok: true, repeated: true, counters: [] })
            continue
          }
          if (answer.ok && given === undefined) ids.push(id)
          check(wanted, model.change(wanted, { id, untilUs: clock.now + minutes * MINUTE_US }), answer)
        }
      } else {
        const calls = next.calls.map(({ which, how, amounts }) => ({
          id: ids[which % ids.length] as string,
          how,
          amounts: how === 'committed' && amounts ? [amounts] : undefined,
        }))
        const ends = await Promise.allSettled(
          calls.map(({ id, how, amounts }) =>
            how === 'cancelled' ? stock.cancel(id) : stock.commit(id, amounts && { amounts }),
          ),
        )
        for (const [at, { id, how, amounts }] of calls.entries()) {
          const other = amounts?.map(({ counter: name, by }) => [name, by] as const)
          const expected = model.end(id, how, new Map(other))
          const end = ends[at] as (typeof ends)[number]
          if (expected === null) {
            seen.tooMuch++
            expect(end).toMatchObject({ status: 'rejected', reason: { option: 'amounts' } })
            continue
          }
          expect(end).toEqual({ status: 'fulfilled', value: expected })
          if (expected.state === 'expired') seen.expired++
          if (expected.state === 'committed' && !expected.repeated) {
            seen.committed++
            if (amounts) seen.committedLess++
          }
        }
      }
      const states = await stock.read(['a', 'b', 'c'])
      expect(states).toEqual(['a', 'b', 'c'].map((name) => ({ counter: name, ...model.state(name) })))
    }
  })
  await fc.assert(property, cases(50, 3000))
  // Each kind of answer was seen.
  for (const [kind, times] of Object.entries(seen)) expect(times, kind).toBeGreaterThan(0)
}, 300_000)

function check(
  given: readonly CounterChange[],
  expected: ReturnType<ReturnType<typeof createCounterModel>['change']>,
  answer: unknown,
): void {
  if ('refused' in expected) {
    seen.refused++
    const refused = expected.refused.map((at) => ({
      counter: given[at]?.counter,
      by: given[at]?.by,
      reason: (given[at]?.by as number) < 0 ? 'floor' : 'ceiling',
    }))
    expect(answer).toMatchObject({ ok: false, refused })
  } else {
    seen.made++
    const counters = expected.states.map((state, at) => ({ counter: given[at]?.counter, ...state }))
    expect(answer).toMatchObject({ ok: true, repeated: false, counters })
  }
}
