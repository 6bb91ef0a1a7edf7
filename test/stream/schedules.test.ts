import { channel } from 'node:diagnostics_channel'

import {
  createStream,
  type Penknife,
  type Stream,
  type StreamEvent,
  type StreamOptions,
} from '@penknife/core'
import { beforeEach, describe, expect, test } from 'vitest'
import * as z from 'zod'

import { type Clock, createClock, useSettableClock } from '../support/clock.ts'
import { failure, openReady } from '../support/connect.ts'
import { callsOf, pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

useSettableClock()

const bench = useRedis()
const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000
const NOON_MS = Date.UTC(2026, 0, 15, 12)

interface Report {
  readonly kind: string
  readonly at?: number
}

let clock: Clock
beforeEach(async () => {
  clock = createClock(bench.raw)
  await clock.set(NOON_MS * 1000)
})

async function openStream<T = Report>(
  options: StreamOptions<T> = { groups: ['mail'] },
): Promise<{ readonly stream: Stream<T>; readonly events: StreamEvent[]; readonly penknife: Penknife }> {
  const penknife = await openReady(pattern(bench.server.url))
  const stream = createStream<T>(penknife.space('shop'), 'reports', options)
  const events: StreamEvent[] = []
  stream.on((event) => events.push(event))
  return { stream, events, penknife }
}

/** Sets Redis' time; the processes of this test notice it at once. */
async function goTo(ms: number): Promise<void> {
  await clock.set(ms * 1000)
  channel('penknife:clock').publish({})
}

function kinds(events: readonly StreamEvent[], kind: StreamEvent['kind']): number {
  return events.filter((event) => event.kind === kind).length
}

/** The times in the payloads of all entries. */
async function times(stream: Stream<Report>): Promise<readonly unknown[]> {
  const { items } = await stream.read({ limit: 1000 })
  return items.map(({ payload }) => payload.at)
}

const NIGHTLY = { cron: '30 2 * * *', payload: { kind: 'nightly' }, timeField: 'at' } as const
const HOURLY = { every: '1h', payload: { kind: 'hourly' }, timeField: 'at' } as const

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
    await clock.set(Date.UTC(2026, 0, 16, 8) * 1000)
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
    const { stream } = await openStream()
    await stream.schedule('hourly', HOURLY)
    const { stream: workers, events } = await openStream()
    startWorker(workers, 'mail', () => {})
    await clock.set((NOON_MS + HOUR_MS) * 1000)
    await until('added by the worker process', () => kinds(events, 'scheduled') === 1)
  })
})

describe('what was missed', () => {
  const down = { ...HOURLY, timeField: 'at' } as const
  test.each([
    ['once', [1]],
    ['all', [1, 2, 3, 4]],
    ['skip', [4]],
  ] as const)('%s: hours %j are added after four hours', async (missed, hours) => {
    const { stream, events } = await openStream()
    await stream.schedule('hourly', { ...down, missed })
    await goTo(NOON_MS + 4 * HOUR_MS + 30_000)
    await until('added', () => kinds(events, 'scheduled') === hours.length)
    await until(
      'moved on',
      async () => (await stream.schedules.get('hourly'))?.nextAtMs === NOON_MS + 5 * HOUR_MS,
    )
    expect(await times(stream)).toEqual(hours.map((hour) => NOON_MS + hour * HOUR_MS))
    expect(kinds(events, 'occurrence-dropped')).toBe(missed === 'skip' ? 1 : 0)
  })

  test('all: a thousand missed occurrences are added in order', async () => {
    const { stream, events } = await openStream()
    await stream.schedule('often', { ...down, every: '10s', missed: 'all' })
    await goTo(NOON_MS + 10_000_000)
    await until('added', () => kinds(events, 'scheduled') === 1000)
    expect(await times(stream)).toEqual(Array.from({ length: 1000 }, (_, at) => NOON_MS + (at + 1) * 10_000))
  })

  test('skip: nothing is added when the last occurrence is more than a minute ago', async () => {
    const { stream, events } = await openStream()
    await stream.schedule('hourly', { ...down, missed: 'skip' })
    await goTo(NOON_MS + 2 * HOUR_MS + 60_001)
    await until(
      'moved on',
      async () => (await stream.schedules.get('hourly'))?.nextAtMs === NOON_MS + 3 * HOUR_MS,
    )
    expect(kinds(events, 'scheduled')).toBe(0)
  })
})

describe("overlap: 'skip'", () => {
  const ALONE = { ...HOURLY, overlap: 'skip' } as const

  async function hourPasses(events: readonly StreamEvent[], hour: number): Promise<'added' | 'dropped'> {
    const before = kinds(events, 'scheduled')
    const dropped = kinds(events, 'occurrence-dropped')
    await goTo(NOON_MS + hour * HOUR_MS)
    await until(
      `hour ${hour}`,
      () => kinds(events, 'scheduled') + kinds(events, 'occurrence-dropped') > before + dropped,
    )
    return kinds(events, 'scheduled') > before ? 'added' : 'dropped'
  }

  test.each([
    ['a work queue', { groups: ['mail', 'archive'] }],
    ['an event log', { groups: ['mail', 'archive'], retain: { entries: 1000 } }],
  ] as const)(
    'drops occurrences while the entry before waits, runs or is retried in a group of %s',
    async (_, options) => {
      const { stream, events } = await openStream(options)
      await stream.schedule('hourly', ALONE)
      expect(await hourPasses(events, 1)).toBe('added')
      expect(await hourPasses(events, 2)).toBe('dropped')
      expect(await stream.schedules.run('hourly')).toBeUndefined()
      const archive = startWorker(stream, 'archive', () => {})
      await archive.saw('done')
      expect(await hourPasses(events, 3)).toBe('dropped')

      // Its first attempt fails, and it waits for the second: first until it is due, and then in a paused group.
      let end: ((error?: Error) => void) | undefined
      const mail = startWorker(
        stream,
        'mail',
        () => new Promise<void>((resolve, reject) => (end = (error) => (error ? reject(error) : resolve()))),
        { retryDelay: '100h', maxRetryDelay: '100h', retryJitter: 0, lease: '1s' },
      )
      await until('running', () => end !== undefined)
      expect(await hourPasses(events, 4)).toBe('dropped')
      end?.(new Error('once more'))
      await mail.saw('retrying')
      expect(await hourPasses(events, 5)).toBe('dropped')
      end = undefined
      await goTo(NOON_MS + 106 * HOUR_MS)
      await until('running again', () => end !== undefined, 15_000)
      expect(await hourPasses(events, 107)).toBe('dropped')
      ;(end as unknown as () => void)()
      await mail.saw('done')
      expect(await hourPasses(events, 108)).toBe('added')
    },
  )

  test('does not count a dead letter as unfinished', async () => {
    const { stream, events } = await openStream()
    await stream.schedule('hourly', ALONE)
    expect(await hourPasses(events, 1)).toBe('added')
    const mail = startWorker(
      stream,
      'mail',
      () => {
        throw new Error('no')
      },
      { maxAttempts: 1 },
    )
    await mail.saw('dead')
    expect(await hourPasses(events, 2)).toBe('added')
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

describe('clocks that change', () => {
  test.each([
    [
      'a fixed time that is skipped happens at the end of the gap',
      '30 2 * * *',
      '2026-03-28T12:00Z',
      '2026-03-29T01:00Z',
    ],
    ['a fixed time that comes twice happens once', '30 2 * * *', '2026-10-25T00:30Z', '2026-10-26T01:30Z'],
    ['a step follows the real time', '*/30 * * * *', '2026-10-25T00:30Z', '2026-10-25T01:00Z'],
    ['midnight stays midnight', '0 0 * * *', '2026-03-29T12:00Z', '2026-03-29T22:00Z'],
  ])('%s', async (_, cron, from, next) => {
    await clock.set(Date.parse(from) * 1000)
    const { stream } = await openStream()
    const scheduled = await stream.schedule('local', { ...NIGHTLY, cron, timeZone: 'Europe/Berlin' })
    expect(new Date(scheduled.nextAtMs as number).toISOString()).toBe(new Date(next).toISOString())
  })
})

describe('bad input is refused before anything is written', () => {
  test.each([
    ['cron', { cron: '61 * * * *' }, 'minute'],
    ['cron', { cron: '* * *' }, 'five to seven parts'],
    ['cron', { cron: '2020-01-01T00:00:00' }, 'five to seven parts'],
    ['cron', { cron: '? * * * *' }, 'five to seven parts'],
    ['cron', { cron: '@reboot' }, ''],
    ['cron', {}, "either 'cron' or 'every'"],
    ['cron', { cron: '* * * * *', every: '1m' }, "either 'cron' or 'every'"],
    ['every', { every: '10ms' }, '1s'],
    ['timeZone', { every: '1m', timeZone: 'UTC' }, 'only'],
    ['schedule timeZone', { cron: '* * * * *', timeZone: 'Mars/Olympus' }, 'IANA'],
    ['missed', { every: '1m', missed: 'never' }, "'once'"],
    ['overlap', { every: '1m', overlap: 'queue' }, "'skip'"],
    ['timeField', { every: '1m', timeField: '' }, '1 to 100'],
    ['payload', { every: '1m', payload: 5, timeField: 'at' }, 'object'],
    ['payload', { every: '1m', payload: undefined }, 'JSON'],
    ["schedule option 'tz'", { every: '1m', tz: 'UTC' }, 'no such option'],
  ])('%s: %j', async (option, given, fix) => {
    const { stream } = await openStream<unknown>()
    const options = { payload: {}, ...given } as unknown as { every: '1m'; payload: unknown }
    const error = await failure(stream.schedule('x', options))
    expect(error.code).toBe('PENKNIFE_INVALID')
    expect(error.message).toContain(option)
    expect(error.message).toContain(fix)
    expect(await bench.raw.keys('*:sched*')).toEqual([])
  })

  test('a payload that the schema refuses', async () => {
    const schema = z.object({ kind: z.string(), at: z.number() })
    const { stream } = await openStream({ groups: ['mail'], schema })
    const wrong = { every: '1h', payload: { kind: 5 as unknown as string }, timeField: 'at' } as const
    expect((await failure(stream.schedule('x', wrong))).message).toContain('schema')
    expect((await stream.schedule('x', { ...wrong, payload: { kind: 'a' } })).changed).toBe(true)
  })

  test('a payload over 64 KiB', async () => {
    const { stream } = await openStream<unknown>()
    const error = await failure(stream.schedule('x', { every: '1m', payload: 'x'.repeat(70_000) }))
    expect(error.message).toContain('65536')
  })

  test('an id', async () => {
    const { stream } = await openStream()
    for (const id of ['', 'x'.repeat(200), '\uD800']) {
      expect((await failure(stream.schedule(id, HOURLY))).code).toBe('PENKNIFE_INVALID')
    }
  })
})

test("overlap: 'skip' finds the entry among 2,000 delayed ones, and adds nothing when there are more", async () => {
  const { stream } = await openStream()
  await stream.schedule('hourly', { ...HOURLY, overlap: 'skip' })
  const first = (await stream.schedules.run('hourly')) as string
  const worker = startWorker(
    stream,
    'mail',
    () => {
      throw new Error('later')
    },
    { retryDelay: '1h' },
  )
  await worker.saw('retrying')
  await worker.worker.close()
  const delayed = 'pk1:{shop}:stream:reports:delayed:mail'
  const [own] = await bench.raw.zrangeBuffer(delayed, '0', '0')
  const others = Array.from({ length: 1999 }, (_, at) => [String(at), `other ${at}`]).flat()
  await bench.raw.call('ZADD', delayed, ...others)
  expect(await stream.schedules.run('hourly')).toBeUndefined()
  await bench.raw.zrem(delayed, own as Buffer)
  const second = await stream.schedules.run('hourly')
  expect(second).not.toBe(first)
  await bench.raw.del('pk1:{shop}:stream:reports')
  await bench.raw.zadd(delayed, 1, 'one', 2, 'two', 3, 'three')
  expect(await stream.schedules.run('hourly')).toBeUndefined()
})
