import { describe, expect, test } from 'vitest'

import { useSettableClock } from '../support/clock.ts'
import { failure } from '../support/connect.ts'
import { callsOf } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'
import {
  HOUR_MS,
  HOURLY,
  kinds,
  MINUTE_MS,
  NIGHTLY,
  NOON_MS,
  type Report,
  times,
  useSchedules,
} from './scheduled.ts'

useSettableClock()

const { bench, goTo, openStream, setTime } = useSchedules()

describe('a schedule', () => {
  test('adds an entry at each occurrence, by the clock of Redis', async () => {
    const { stream, events } = await openStream()
    const first = Date.UTC(2026, 0, 16, 2, 30)
    expect(await stream.schedule('nightly', NIGHTLY)).toEqual({ changed: true, nextAtMs: first })
    await goTo(first - 1)
    await goTo(first)
    await until('the first', () => kinds(events, 'scheduled') === 1)
    await goTo(first + 24 * HOUR_MS + 7)
    await until('the second', () => kinds(events, 'scheduled') === 2)
    expect(await times(stream)).toEqual([first, first + 24 * HOUR_MS])
    expect(events.at(-1)).toMatchObject({
      kind: 'scheduled',
      schedule: 'nightly',
      atMs: first + 24 * HOUR_MS,
      lateMs: 7,
      name: 'reports',
      space: 'shop',
    })
  })

  test('is handled as any other entry', async () => {
    const { stream } = await openStream()
    const seen: Report[] = []
    startWorker(stream, 'mail', ({ payload }) => void seen.push(payload))
    await stream.schedule('hourly', HOURLY)
    await goTo(NOON_MS + HOUR_MS)
    await until('handled', () => seen.length === 1)
    expect(seen).toEqual([{ kind: 'hourly', at: NOON_MS + HOUR_MS }])
  })

  test('that Redis has already stays as it is, and costs two script calls', async () => {
    const { stream } = await openStream()
    await stream.schedule('hourly', HOURLY)
    const { stream: other } = await openStream()
    const before = await callsOf(bench.raw, 'evalsha')
    await goTo(NOON_MS + MINUTE_MS)
    expect(await other.schedule('hourly', HOURLY)).toEqual({ changed: false, nextAtMs: NOON_MS + HOUR_MS })
    expect((await callsOf(bench.raw, 'evalsha')) - before).toBeLessThanOrEqual(5)
    expect((await other.schedules.get('hourly'))?.declaredAtMs).toBe(NOON_MS + MINUTE_MS)
  })

  test('is added once by ten processes that tick at the same time', async () => {
    const all = await Promise.all(Array.from({ length: 10 }, () => openStream()))
    await Promise.all(all.map(({ stream }) => stream.schedule('hourly', { ...HOURLY, missed: 'all' })))
    for (let hour = 1; hour <= 5; hour++) {
      await goTo(NOON_MS + 2 * hour * HOUR_MS)
      const sum = (): number => all.reduce((count, { events }) => count + kinds(events, 'scheduled'), 0)
      await until(`hour ${hour}`, () => sum() === 2 * hour)
    }
    const { stream } = all[0] as (typeof all)[0]
    expect(await times(stream)).toEqual(Array.from({ length: 10 }, (_, at) => NOON_MS + (at + 1) * HOUR_MS))
  })

  test('that changes keeps its next occurrence, unless its timing changed', async () => {
    const { stream } = await openStream()
    await stream.schedule('hourly', HOURLY)
    await goTo(NOON_MS + 10 * MINUTE_MS)
    const other = { ...HOURLY, payload: { kind: 'other' } }
    expect(await stream.schedule('hourly', other)).toEqual({ changed: true, nextAtMs: NOON_MS + HOUR_MS })
    const quarter = { ...HOURLY, every: '15m' } as const
    expect(await stream.schedule('hourly', quarter)).toEqual({
      changed: true,
      nextAtMs: NOON_MS + 15 * MINUTE_MS,
    })
  })

  test('that was due while everything was down is not lost by a change of its timing', async () => {
    const { stream, penknife } = await openStream()
    await stream.schedule('nightly', NIGHTLY)
    await penknife.close()
    await setTime(Date.UTC(2026, 0, 16, 8))
    const { stream: later, events } = await openStream()
    const changed = await later.schedule('nightly', { ...NIGHTLY, cron: '0 5 * * *' })
    expect(changed.nextAtMs).toBe(Date.UTC(2026, 0, 16, 2, 30))
    await until('the missed one', () => kinds(events, 'scheduled') === 1)
    expect((await later.schedules.get('nightly'))?.nextAtMs).toBe(Date.UTC(2026, 0, 17, 5))
  })

  test('does not add an occurrence again when the clock is set back', async () => {
    const { stream, events } = await openStream()
    await stream.schedule('hourly', HOURLY)
    await goTo(NOON_MS + HOUR_MS)
    await until('added', () => kinds(events, 'scheduled') === 1)
    await goTo(NOON_MS)
    const { stream: other } = await openStream()
    await other.schedule('hourly', { ...HOURLY, every: '30m' })
    expect((await other.schedules.get('hourly'))?.nextAtMs).toBe(NOON_MS + 1.5 * HOUR_MS)
  })

  test('waits while the stream is full, and is added once there is room', async () => {
    const { stream, events } = await openStream({ groups: ['mail'], maxBacklog: 1 })
    await stream.add({ kind: 'other' })
    await stream.schedule('hourly', HOURLY)
    await goTo(NOON_MS + HOUR_MS)
    await until('full', () => kinds(events, 'full') > 0)
    expect((await failure(stream.schedules.run('hourly'))).code).toBe('PENKNIFE_FULL')
    startWorker(stream, 'mail', () => {})
    await until('added', () => kinds(events, 'scheduled') === 1)
  })

  test('is declared again when Redis has lost its data, but not after it was removed', async () => {
    const { stream } = await openStream()
    await stream.schedule('hourly', HOURLY)
    await stream.schedule('nightly', NIGHTLY)
    await stream.schedule('gone', NIGHTLY)
    const { stream: other } = await openStream()
    await other.schedules.remove('nightly')
    await stream.schedules.remove('gone')
    await goTo(NOON_MS + MINUTE_MS)
    expect((await other.schedules.list()).items.map(({ id }) => id)).toEqual(['hourly'])
    await bench.raw.flushall()
    await goTo(NOON_MS + 2 * MINUTE_MS)
    await until('declared', async () => (await other.schedules.list()).items.length === 2)
    expect((await other.schedules.list()).items.map(({ id }) => id)).toEqual(['hourly', 'nightly'])
  })

  test('is served by the process of a worker that declares none', async () => {
    const { stream, penknife } = await openStream()
    await stream.schedule('hourly', HOURLY)
    await penknife.close()
    const { stream: workers, events } = await openStream()
    startWorker(workers, 'mail', () => {})
    await goTo(NOON_MS + HOUR_MS)
    await until('added by the worker process', () => kinds(events, 'scheduled') === 1)
  })
})

describe('the schedules of a stream', () => {
  test('are listed page by page, also those that this process does not declare', async () => {
    const { stream } = await openStream()
    await Promise.all(
      ['a', 'b', 'c', 'd', 'e'].map((id) => stream.schedule(id, { ...NIGHTLY, timeZone: 'Europe/Berlin' })),
    )
    const { stream: other } = await openStream()
    await other.schedule('b', { ...NIGHTLY, timeZone: 'Europe/Berlin' })
    const first = await other.schedules.list({ limit: 3 })
    expect(first.items.map(({ id }) => id)).toEqual(['a', 'b', 'c'])
    const second = await other.schedules.list({ limit: 3, after: first.next as string })
    expect(second.items.map(({ id }) => id)).toEqual(['d', 'e'])
    expect(second.next).toBeUndefined()
    const all = [...first.items, ...second.items]
    expect(all.filter(({ declared }) => !declared).map(({ id }) => id)).toEqual(['a', 'c', 'd', 'e'])
    expect(all[0]).toEqual({
      id: 'a',
      cron: '30 2 * * *',
      everyMs: undefined,
      timeZone: 'Europe/Berlin',
      payload: { kind: 'nightly' },
      timeField: 'at',
      missed: 'once',
      overlap: 'allow',
      paused: false,
      nextAtMs: Date.UTC(2026, 0, 16, 1, 30),
      lastAtMs: undefined,
      lastEntry: undefined,
      declaredAtMs: NOON_MS,
      declared: false,
    })
  })

  test('are paused across calls of schedule, and go on with the next occurrence', async () => {
    const { stream, events } = await openStream()
    await stream.schedule('hourly', { ...HOURLY, missed: 'all' })
    expect(await stream.schedules.pause('hourly')).toBe(true)
    expect(await stream.schedules.pause('hourly')).toBe(false)
    await goTo(NOON_MS + 3 * HOUR_MS)
    const { stream: other } = await openStream()
    expect(await other.schedule('hourly', { ...HOURLY, every: '2h' })).toEqual({
      changed: true,
      nextAtMs: undefined,
    })
    expect(await other.schedules.get('hourly')).toMatchObject({ paused: true, nextAtMs: undefined })
    expect(await other.schedules.resume('hourly')).toBe(true)
    expect(await other.schedules.resume('hourly')).toBe(false)
    await goTo(NOON_MS + 4 * HOUR_MS)
    await until('added', async () => (await times(stream)).length === 1)
    expect(await times(stream)).toEqual([NOON_MS + 4 * HOUR_MS])
    expect(kinds(events, 'schedule-failed')).toBe(0)
  })

  test('can be run now, which leaves the next occurrence where it is', async () => {
    const { stream } = await openStream()
    await stream.schedule('nightly', NIGHTLY)
    const id = await stream.schedules.run('nightly')
    const { items } = await stream.read()
    expect(items).toMatchObject([{ id, payload: { kind: 'nightly', at: NOON_MS } }])
    expect(await stream.schedules.get('nightly')).toMatchObject({
      lastEntry: id,
      nextAtMs: Date.UTC(2026, 0, 16, 2, 30),
    })
  })

  test('are removed, with nothing left of them', async () => {
    const { stream, events } = await openStream()
    await stream.schedule('hourly', HOURLY)
    expect(await stream.schedules.remove('hourly')).toBe(true)
    expect(await stream.schedules.remove('hourly')).toBe(false)
    await goTo(NOON_MS + HOUR_MS)
    await stream.schedule('other', HOURLY)
    await goTo(NOON_MS + 2 * HOUR_MS)
    await until('the other', () => kinds(events, 'scheduled') === 1)
    expect(events.at(-1)).toMatchObject({ schedule: 'other' })
    await stream.schedules.remove('other')
    expect(await bench.raw.keys('*:sched*')).toEqual(['pk1:{shop}:stream:reports:schedules'])
    expect(await bench.raw.hkeys('pk1:{shop}:stream:reports:schedules')).toEqual(['#'])
    for (const method of ['pause', 'resume', 'run'] as const) {
      expect((await failure(stream.schedules[method]('hourly'))).message).toContain('no such schedule')
    }
  })

  test('that something else wrote do not stop the others', async () => {
    const { stream, events } = await openStream()
    await stream.schedule('broken', HOURLY)
    await stream.schedule('good', HOURLY)
    await bench.raw.hset('pk1:{shop}:stream:reports:schedules', 'dbroken', '{"cron":5}')
    await goTo(NOON_MS + HOUR_MS)
    await until('both', () => kinds(events, 'scheduled') === 1 && kinds(events, 'schedule-failed') > 0)
    expect(events).toContainEqual(expect.objectContaining({ kind: 'schedule-failed', schedule: 'broken' }))
    expect((await stream.schedules.get('broken'))?.cron).toBeUndefined()
    await stream.schedule('broken', HOURLY)
    await until('mended', () => kinds(events, 'scheduled') === 2)
  })
})
