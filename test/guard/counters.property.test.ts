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
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('change' as const),
      calls: fc.array(changes, { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('reserve' as const),
      changes,
      minutes: fc.integer({ min: 1, max: 2 }),
      id: fc.integer({ min: 0, max: 2 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('end' as const),
      id: fc.integer({ min: 0, max: 2 }),
      how: fc.constantFrom('committed' as const, 'cancelled' as const),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('clock' as const),
      us: fc.integer({ min: 0, max: 4 * MINUTE_US }),
    }),
  },
)

const seen = { made: 0, refused: 0, expired: 0, committed: 0 }

test('every answer of counters is the one that plain arithmetic gives, with reservations that expire', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const clock = createClock(bench.raw)
  const property = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
    await bench.raw.flushall()
    await clock.set(START_US)
    const stock = createCounters(penknife.space('shop'), 'stock', { ...LIMITS, dedup: { window: '1m' } })
    const model = createCounterModel({ ...LIMITS, rememberUs: MINUTE_US })
    for (const next of steps) {
      if (next.kind === 'clock') {
        await clock.advance(next.us)
        // Reservations expire by calls: the model does so at the same moment.
        await stock.read(['a'])
        model.advance(clock.now)
      } else if (next.kind === 'change') {
        // Together in one tick: a batch in which counters repeat.
        const answers = await Promise.all(next.calls.map((each) => stock.change(each)))
        for (const [at, each] of next.calls.entries()) check(each, model.change(each), answers[at])
      } else if (next.kind === 'reserve') {
        const id = `r${next.id}`
        const known = model.knows(id)
        const answer = await stock.reserve(next.changes, { expires: next.minutes * 60_000, id })
        if (known) expect(answer).toMatchObject({ ok: true, repeated: true, counters: [] })
        else {
          const untilUs = clock.now + next.minutes * MINUTE_US
          check(next.changes, model.change(next.changes, { id, untilUs }), answer)
        }
      } else {
        const end = await (next.how === 'committed' ? stock.commit : stock.cancel)(`r${next.id}`)
        expect(end).toEqual(model.end(`r${next.id}`, next.how))
        if (end.state === 'expired') seen.expired++
        if (end.state === 'committed' && !end.repeated) seen.committed++
      }
      const states = await stock.read(['a', 'b', 'c'])
      expect(states).toEqual(['a', 'b', 'c'].map((counter) => ({ counter, ...model.state(counter) })))
    }
  })
  await fc.assert(property, cases(150, 3000))
  // Each answer was seen.
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(0)
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
