import { createNotifier } from '@penknife/core'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { createClock, useSettableClock } from '../support/clock.ts'
import { openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { cases, LONG } from '../support/until.ts'
import { aStep } from './model/actions.ts'
import { Run, seen, START_MS } from './model/run.ts'

useSettableClock()

const bench = useRedis()
const AGE_MS = 60_000

test(
  'each subscriber sees a contiguous sequence without repetition, or a reset that was due',
  async () => {
    const [one, two] = await Promise.all([0, 1].map(() => openReady(pattern(bench.server.url))))
    const notifiers = [
      { notifier: createNotifier(one!.space('shop'), 'main', { history: 100_000 }), ageMs: 0 },
      {
        notifier: createNotifier(two!.space('shop'), 'aged', { history: 100_000, age: AGE_MS }),
        ageMs: AGE_MS,
      },
    ]
    let runs = 0
    await fc.assert(
      fc.asyncProperty(
        fc.boolean(),
        fc.array(aStep, { minLength: 3, maxLength: 15, size: 'max' }),
        async (aged, steps) => {
          await createClock(bench.raw).set(START_MS * 1000)
          const { notifier, ageMs } = notifiers[aged ? 1 : 0]!
          const run = new Run(bench.raw, notifier, `room ${runs++}`, ageMs)
          for (const each of steps) await run.step(each)
          await run.end()
        },
      ),
      cases(40, 2000),
    )
    const wanted = [
      'together',
      'an event for several',
      'pages',
      'trim',
      'roll back',
      'lose messages',
      'roll back to nothing',
      'delete',
      'flush',
      'clear',
      'forget',
      'delete the newest',
      'join from empty',
      'clock',
      'pause',
      'resume',
      'leave',
      'reset',
      'state',
    ]
    expect(wanted.filter((what) => !seen.has(what))).toEqual([])
  },
  LONG ? 1_200_000 : 120_000,
)
