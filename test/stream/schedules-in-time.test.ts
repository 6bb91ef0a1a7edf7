import { type StreamEvent } from '@penknife/core'
import { describe, expect, test } from 'vitest'

import { useSettableClock } from '../support/clock.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'
import { HOURLY, NIGHTLY, HOUR_MS, kinds, NOON_MS, times, useSchedules } from './scheduled.ts'

useSettableClock()

const { bench, goTo, openStream, setTime } = useSchedules()

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
    await setTime(Date.parse(from))
    const { stream } = await openStream()
    const scheduled = await stream.schedule('local', { ...NIGHTLY, cron, timeZone: 'Europe/Berlin' })
    expect(new Date(scheduled.nextAtMs as number).toISOString()).toBe(new Date(next).toISOString())
  })
})
