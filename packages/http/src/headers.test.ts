import { expect, test } from 'vitest'

import { listMember, secondsUp, sfInteger, sfString } from './headers.ts'

test('a member is a quoted string with its parameters, unknown ones left out', () => {
  expect(listMember('calls', { q: 5, qu: 'concurrent-requests' })).toBe(
    '"calls";q=5;qu="concurrent-requests"',
  )
  expect(listMember('burst', { q: 100, w: 60 })).toBe('"burst";q=100;w=60')
  expect(listMember('burst', { q: 100, w: undefined })).toBe('"burst";q=100')
})

test('quotes and backslashes are escaped, what ASCII cannot print is refused', () => {
  expect(sfString('a"b\\c')).toBe('"a\\"b\\\\c"')
  expect(() => sfString('ü')).toThrow(/printable ASCII/)
  expect(() => sfString('a\r\nb')).toThrow(/printable ASCII/)
})

test('integers stay whole and within fifteen digits', () => {
  expect([1.9, -1.9, 1e21, -0, Number.NaN].map(sfInteger)).toEqual(['1', '-1', '999999999999999', '0', '0'])
})

test('seconds are never fewer than the milliseconds', () => {
  expect([0, 1, 999, 1000, 1001].map(secondsUp)).toEqual([0, 1, 1, 1, 2])
})
