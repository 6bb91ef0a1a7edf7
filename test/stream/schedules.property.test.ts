import type { Space } from '@penknife/core'
import * as fc from 'fast-check'
import type { Redis } from 'ioredis'
import { expect, test } from 'vitest'

import { createChanges, type Changes } from '../../packages/core/src/stream/schedules/changes.ts'
import { checkSchedules } from '../../packages/core/src/stream/schedules/check.ts'
import { createScheduleStore, type ScheduleStore } from '../../packages/core/src/stream/schedules/store.ts'
import { createTimetable } from '../../packages/core/src/stream/schedules/timing.ts'
import { createScope } from '../../packages/core/src/stream/scope.ts'
import { streamSettings } from '../../packages/core/src/stream/settings.ts'
import { createClock, useSettableClock } from '../support/clock.ts'
import { openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { cases } from '../support/until.ts'
import { Model, type ModelDefinition } from './schedules-model/model.ts'
import { createCalendar, type ModelTiming, timingOf } from './schedules-model/occurrences.ts'

useSettableClock()

const bench = useRedis()
const MINUTE_MS = 60_000
const DAY_MS = 86_400_000

/** Zones, and a day before their clocks change. */
const CHANGES = [
  ['UTC', Date.UTC(2026, 2, 28)],
  ['Europe/Berlin', Date.UTC(2026, 2, 28)],
  ['Europe/Berlin', Date.UTC(2026, 9, 24)],
  ['America/New_York', Date.UTC(2026, 2, 7)],
  ['America/New_York', Date.UTC(2026, 9, 31)],
  // Half an hour.
  ['Australia/Lord_Howe', Date.UTC(2026, 3, 3)],
  ['Australia/Lord_Howe', Date.UTC(2026, 9, 2)],
  // At midnight.
  ['Asia/Beirut', Date.UTC(2026, 2, 27)],
] as const
const CALENDAR_DAYS = 14
const calendars = CHANGES.map(([zone, fromMs]) => createCalendar(zone, fromMs - 3 * DAY_MS, CALENDAR_DAYS))

const TIMINGS: readonly ModelTiming[] = [
  { kind: 'fixed', hour: 2, minute: 30 },
  { kind: 'fixed', hour: 0, minute: 0 },
  { kind: 'fixed', hour: 1, minute: 45 },
  { kind: 'minutes', every: 15 },
  { kind: 'minutes', every: 60 },
  { kind: 'every', minutes: 90 },
]

/** What changes one schedule. */
type Change =
  | {
      readonly do: 'declare'
      readonly id: string
      readonly timing: number
      readonly missed: number
      readonly overlap: boolean
    }
  | { readonly do: 'pause' | 'resume' | 'remove' | 'run'; readonly id: string }
type Step =
  | Change
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'look'; readonly processes: number }
  /** A process computes what is due and dies after so many ticks; the others may have arrived. */
  | { readonly do: 'die'; readonly ticks: number; readonly sent: boolean }
  /** A process computes what is due, and others go on before its ticks arrive: they look, change a schedule, and time passes. */
  | { readonly do: 'slow'; readonly look: boolean; readonly change: Change | null; readonly ms: number }
  | { readonly do: 'handle' }

const id = fc.constantFrom('a', 'b', 'c')
const declares = fc.record({
  do: fc.constant('declare' as const),
  id,
  timing: fc.nat(TIMINGS.length - 1),
  missed: fc.nat(2),
  overlap: fc.boolean(),
})
const manages = fc.record({
  do: fc.constantFrom('pause' as const, 'resume' as const, 'remove' as const, 'run' as const),
  id,
})
const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: declares },
  { weight: 2, arbitrary: manages },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('slow' as const),
      look: fc.boolean(),
      change: fc.option(fc.oneof(declares, manages)),
      ms: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: DAY_MS })),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.oneof(
        fc.integer({ min: 0, max: 20 * MINUTE_MS }),
        fc.integer({ min: 0, max: DAY_MS }),
        // Stepped back.
        fc.integer({ min: -3 * 60 * MINUTE_MS, max: 0 }),
      ),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('look' as const), processes: fc.integer({ min: 1, max: 4 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('die' as const), ticks: fc.nat(3), sent: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('handle' as const) }) },
)

interface Process {
  readonly store: ScheduleStore
  readonly changes: Changes
  readonly occurrencesOf: ReturnType<typeof createTimetable>
}

function startProcess(space: Space): Process {
  const settings = streamSettings({ groups: ['mail'] })
  const store = createScheduleStore(createScope(space, 'reports', settings), settings)
  const occurrencesOf = createTimetable()
  return { store, occurrencesOf, changes: createChanges(store, "stream 'reports'", occurrencesOf, () => '') }
}

/** All of an entry's life, without a worker; returns the payloads. */
async function handleAll(raw: Redis): Promise<readonly { s: string; at: number }[]> {
  const key = 'pk1:{shop}:stream:reports'
  if ((await raw.exists(key)) === 0) return []
  const found = (await raw.xreadgroup('GROUP', 'mail', 'w', 'STREAMS', key, '>')) as
    | [string, [string, string[]][]][]
    | null
  const entries = found?.[0]?.[1] ?? []
  for (const [entry] of entries) await raw.multi().xack(key, 'mail', entry).xdel(key, entry).exec()
  return entries.map(([, fields]) => JSON.parse(fields[1] as string) as { s: string; at: number })
}

test(
  'each occurrence is added once, as the options say: across clock changes, steps of the clock, and processes that die',
  { timeout: 300_000 },
  async () => {
    const penknife = await openReady(pattern(bench.server.url))
    const space = penknife.space('shop')
    await fc.assert(
      fc.asyncProperty(
        fc.nat(CHANGES.length - 1),
        fc.array(steps, { minLength: 5, maxLength: 40 }),
        async (place, list) => {
          await bench.raw.flushall()
          const [zone, fromMs] = CHANGES[place] as (typeof CHANGES)[number]
          const calendar = calendars[place] as (typeof calendars)[number]
          const clock = createClock(bench.raw)
          const model = new Model()
          const added = new Map<string, number[]>()
          let nowMs: number = fromMs
          await clock.set(nowMs * 1000)

          async function lookOnce({ store, occurrencesOf }: Process): Promise<void> {
            await checkSchedules({
              store,
              occurrencesOf,
              tagsOf: () => '',
              stopped: () => false,
              forgotten: () => Promise.resolve(),
              ticked: () => {},
              broken: (_, error) => expect.fail(String(error)),
            })
          }

          async function handle(): Promise<void> {
            for (const { s, at } of await handleAll(bench.raw)) added.set(s, [...(added.get(s) ?? []), at])
            model.handle()
          }

          /** Changes a schedule, here and in the model; true when its state changed. */
          async function apply(change: Change): Promise<boolean> {
            const { changes, store } = startProcess(space)
            switch (change.do) {
              case 'declare': {
                const shape = TIMINGS[change.timing] as ModelTiming
                const definition: ModelDefinition = {
                  missed: (['once', 'all', 'skip'] as const)[change.missed] as 'once',
                  overlap: change.overlap ? 'skip' : 'allow',
                  timing: JSON.stringify(shape),
                  occurrences: calendar.occurrences(shape),
                }
                const { missed, overlap } = definition
                const timing = timingOf(shape, zone)
                const payload = JSON.stringify({ s: change.id })
                // Two processes start at the same time.
                await Promise.all(
                  [changes, startProcess(space).changes].map((each) =>
                    each.put(change.id, { timing, missed, overlap, timeField: 'at', payload }),
                  ),
                )
                return model.declare(change.id, definition, nowMs)
              }
              case 'pause':
              case 'resume': {
                if (!model.has(change.id)) return false
                await changes.setPaused(change.id, change.do === 'pause')
                return model.setPaused(change.id, change.do === 'pause', nowMs)
              }
              case 'remove': {
                await store.remove(change.id)
                model.remove(change.id)
                return true
              }
              default: {
                if (!model.has(change.id)) return false
                await changes.run(change.id)
                model.run(change.id, nowMs)
                return false
              }
            }
          }

          async function goOn(ms: number): Promise<void> {
            // The calendar has an end.
            nowMs = Math.min(nowMs + ms, fromMs + 7 * DAY_MS)
            await clock.set(nowMs * 1000)
          }

          for (const step of list) {
            const one = startProcess(space)
            switch (step.do) {
              case 'declare':
              case 'pause':
              case 'resume':
              case 'remove':
              case 'run': {
                await apply(step)
                break
              }
              case 'slow': {
                let others: Promise<void> | undefined
                const meanwhile = async (): Promise<void> => {
                  if (step.look) {
                    await lookOnce(startProcess(space))
                    model.tick(nowMs)
                  }
                  const changed = step.change !== null && (await apply(step.change))
                  // What nobody else added or changed is added as it was computed.
                  if (!step.look) model.tick(nowMs, changed ? step.change?.id : undefined)
                  await goOn(step.ms)
                }
                const after =
                  (send: ScheduleStore['tick']): ScheduleStore['tick'] =>
                  async (tick) => {
                    await (others ??= meanwhile())
                    return send(tick)
                  }
                const slow = {
                  ...one.store,
                  tick: after(one.store.tick),
                  tickAlone: after(one.store.tickAlone),
                }
                await lookOnce({ ...one, store: slow })
                model.tick(nowMs)
                break
              }
              case 'wait': {
                await goOn(step.ms)
                break
              }
              case 'look': {
                const all = Array.from({ length: step.processes }, () => startProcess(space))
                await Promise.all(all.map(lookOnce))
                model.tick(nowMs)
                break
              }
              case 'die': {
                let left = step.ticks
                type Send = ScheduleStore['tick']
                // The process dies before it sent a tick, or before it got the reply.
                const until =
                  (send: Send): Send =>
                  async (tick) => {
                    if (left-- > 0) return send(tick)
                    if (step.sent) await send(tick)
                    throw new Error('died')
                  }
                const dying = {
                  ...one.store,
                  tick: until(one.store.tick),
                  tickAlone: until(one.store.tickAlone),
                }
                await lookOnce({ ...one, store: dying }).catch((error: Error) =>
                  expect(error.message).toBe('died'),
                )
                // Another one goes on at once, at the same time.
                await lookOnce(startProcess(space))
                model.tick(nowMs)
                break
              }
              default:
                await handle()
            }
          }
          await lookOnce(startProcess(space))
          model.tick(nowMs)
          await handle()
          const sorted = (found: ReadonlyMap<string, number[]>): unknown =>
            [...found].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, all]) => [name, all])
          expect(sorted(added)).toEqual(sorted(model.added))
          const { store } = startProcess(space)
          for (const name of ['a', 'b', 'c']) {
            const { stored } = await store.read(name)
            expect(stored?.nextAtMs).toBe(model.next(name))
          }
        },
      ),
      cases(35, 2000),
    )
  },
)
