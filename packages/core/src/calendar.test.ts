import { describe, expect, test } from 'vitest'

import { type CalendarUnit, calendarOf, checkCalendar, periodAt, periodIn } from './calendar.ts'

function shown(unit: CalendarUnit, timeZone: string, at: string): string {
  const { startMs, endMs } = periodAt(unit, timeZone, Date.parse(at))
  const text = (ms: number): string => new Date(ms).toISOString().replace(':00.000Z', 'Z')
  return `${text(startMs)} ${text(endMs)}`
}

describe('a period', () => {
  test.each([
    ['hour', 'UTC', '2026-03-01T12:34:56.789Z', '2026-03-01T12:00Z 2026-03-01T13:00Z'],
    ['day', 'UTC', '2026-03-01T12:34:56.789Z', '2026-03-01T00:00Z 2026-03-02T00:00Z'],
    ['day', 'Europe/Berlin', '2026-11-23T23:00:00Z', '2026-11-23T23:00Z 2026-11-24T23:00Z'],
    ['day', 'Asia/Kathmandu', '2026-11-23T18:14:59.999Z', '2026-11-22T18:15Z 2026-11-23T18:15Z'],
    ['month', 'America/New_York', '2026-12-31T23:59:00Z', '2026-12-01T05:00Z 2027-01-01T05:00Z'],
    ['hour', 'Asia/Kolkata', '2026-06-01T00:29:59Z', '2026-05-31T23:30Z 2026-06-01T00:30Z'],
    // Before 1970.
    ['week', 'UTC', '1969-12-31T12:00:00Z', '1969-12-29T00:00Z 1970-01-05T00:00Z'],
  ] as const)('%s in %s at %s', (unit, zone, at, period) => {
    expect(shown(unit, zone, at)).toBe(period)
  })

  test('a week begins on Monday, week 53 included', () => {
    expect(shown('week', 'UTC', '2027-01-03T23:59:59Z')).toBe('2026-12-28T00:00Z 2027-01-04T00:00Z')
    expect(shown('week', 'UTC', '2026-12-28T00:00:00Z')).toBe('2026-12-28T00:00Z 2027-01-04T00:00Z')
  })

  test.each([
    ['23 hours in spring', 'Europe/Berlin', '2026-03-29T12:00:00Z', '2026-03-28T23:00Z 2026-03-29T22:00Z'],
    ['25 hours in autumn', 'Europe/Berlin', '2026-10-25T12:00:00Z', '2026-10-24T22:00Z 2026-10-25T23:00Z'],
    // Clocks go from 00:00 to 01:00: the day begins at 01:00.
    ['no midnight', 'Asia/Beirut', '2026-03-29T12:00:00Z', '2026-03-28T22:00Z 2026-03-29T21:00Z'],
    // Clocks go from 01:00 to 00:00: the day begins at the first midnight.
    ['two midnights', 'America/Havana', '2026-11-01T04:30:00Z', '2026-11-01T04:00Z 2026-11-02T05:00Z'],
    // 2011-12-30 was left out.
    ['after a day left out', 'Pacific/Apia', '2011-12-30T10:00:00Z', '2011-12-30T10:00Z 2011-12-31T10:00Z'],
  ])('a day with %s', (_, zone, at, period) => {
    expect(shown('day', zone, at)).toBe(period)
  })

  test('the hour that clocks repeat counts as two, and a repeated half hour is a separate period', () => {
    expect(shown('hour', 'Europe/Berlin', '2026-10-25T00:30:00Z')).toBe('2026-10-25T00:00Z 2026-10-25T01:00Z')
    expect(shown('hour', 'Europe/Berlin', '2026-10-25T01:30:00Z')).toBe('2026-10-25T01:00Z 2026-10-25T02:00Z')
    expect(shown('hour', 'Australia/Lord_Howe', '2026-04-04T15:10:00Z')).toBe(
      '2026-04-04T15:00Z 2026-04-04T15:30Z',
    )
    expect(shown('hour', 'Australia/Lord_Howe', '2026-04-04T14:59:59Z')).toBe(
      '2026-04-04T14:00Z 2026-04-04T15:00Z',
    )
  })

  test.each([
    'UTC',
    'Europe/Berlin',
    'America/St_Johns',
    'Australia/Lord_Howe',
    'America/Havana',
    'Pacific/Apia',
  ])('periods of %s follow each other without gap or overlap', (zone) => {
    const hourly = { ...calendarOf('hour', zone), every: 6 }
    const early = { ...calendarOf('day', zone), dayStartMs: 150 * 60_000 }
    const weeks = { ...calendarOf('week', zone), every: 2, weekStart: 4, dayStartMs: 5 * 3_600_000 }
    const units = ['minute', 'hour', 'day', 'week', 'month', 'quarter', 'year'] as const
    for (const calendar of [...units.map((unit) => calendarOf(unit, zone)), hourly, early, weeks]) {
      for (const from of [
        '2007-11-03T00:00:00Z',
        '2011-12-28T00:00:00Z',
        '2026-03-27T00:00:00Z',
        '2026-10-24T00:00:00Z',
      ]) {
        let period = periodIn(calendar, Date.parse(from))
        for (let step = 0; step < 12; step++) {
          const { startMs, endMs } = period
          const next = periodIn(calendar, endMs)
          const same = [startMs, endMs - 1].map((at) => periodIn(calendar, at))
          expect([...same, endMs > startMs, next.startMs]).toEqual([period, period, true, endMs])
          period = next
        }
      }
    }
  })
})

test('the error for an unknown unit or time zone says what to give', () => {
  expect(() => checkCalendar('window day', 'year' as CalendarUnit, 'UTC')).toThrow(
    /window day calendar is "year": give/,
  )
  expect(() => checkCalendar('window day', 'day', 'Mars/Base')).toThrow(
    /window day timeZone is "Mars\/Base": give/,
  )
  checkCalendar('window day', 'day', 'Europe/Berlin')
})
