import { expect, test } from 'vitest'

import { createCursor, fitsCursor, MAX_CURSOR, readCursor } from './cursor.ts'

test('a cursor that was given out is read back, whatever the channels are called', () => {
  const channels = ['a', 'user:ü&b=1%', 'line\nbreak', '__proto__', 'constructor', ' ']
  const positions = new Map(channels.map((channel, nth) => [channel, `1764000000000-${nth + 1}-0af9b${nth}`]))
  const text = createCursor(channels, positions).text()
  expect(text).toMatch(/^[\x21-\x7e]+$/)
  expect(readCursor(text, channels)).toEqual(positions)
})

test('a cursor follows the channels that move', () => {
  const cursor = createCursor(['a', 'b'], new Map([['a', '1-1']]))
  expect([cursor.text(), cursor.has('b')]).toEqual(['a=1-1', false])
  cursor.set('b', '2-1')
  cursor.set('a', '1-2')
  expect(cursor.text()).toBe('a=1-2&b=2-1')
})

test('only requested channels are read, in the form of a notifier, from a bounded text', () => {
  expect(readCursor('a=1-1-c0ffee&secret=1-1-c0ffee', ['a'])).toEqual(new Map([['a', '1-1-c0ffee']]))
  expect(readCursor('a=1-0', ['a'])).toEqual(new Map([['a', '1-0']]))
  for (const text of [
    '',
    'a',
    'a=',
    'a=-',
    'a=+',
    'a=1',
    'a=x-1',
    'a=1-1',
    'a=1-0-c0ffee',
    'a=1-1-c0ffeex',
    `a=${'1'.repeat(17)}-1-c0ffee`,
    'b=1-1-c0ffee',
  ]) {
    expect([text, readCursor(text, ['a']).size]).toEqual([text, 0])
  }
  expect(readCursor(`a=1-1-c0ffee&${'x'.repeat(MAX_CURSOR)}`, ['a']).size).toBe(0)
})

test('channels fit when their longest cursor does', () => {
  const names = (count: number): string[] => Array.from({ length: count }, (_, nth) => `channel-${nth}`)
  expect([fitsCursor(names(50)), fitsCursor(names(200))]).toEqual([true, false])
  const most = names(50)
  const longest = createCursor(
    most,
    new Map(most.map((name) => [name, `${'9'.repeat(16)}-${'9'.repeat(15)}-ffffff`])),
  )
  expect(longest.text().length).toBeLessThanOrEqual(MAX_CURSOR)
})
