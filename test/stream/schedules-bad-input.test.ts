import { describe, expect, test } from 'vitest'
import * as z from 'zod'

import { useSettableClock } from '../support/clock.ts'
import { failure } from '../support/connect.ts'
import { HOURLY, useSchedules } from './scheduled.ts'

useSettableClock()

const { bench, openStream } = useSchedules()

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
