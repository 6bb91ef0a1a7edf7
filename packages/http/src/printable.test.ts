import { expect, test } from 'vitest'

import { printable } from './printable.ts'

test('text for a log is bounded, and no emoji is cut in two', () => {
  expect(printable('a'.repeat(10), 4)).toBe('aaaa')
  expect(printable('ann😀', 4)).toBe('ann')
  expect(printable('\ud83d!', 4)).toBe('\ufffd!')
})

test('characters that fake lines, drive terminals or turn text around are replaced', () => {
  const hostile = 'a\r\nb\u0085c\u009b31md\u2028e\u202ef\u2066g\u0000h\u007f'
  expect(printable(hostile, 100)).toBe('a\ufffd\ufffdb\ufffdc\ufffd31md\ufffde\ufffdf\ufffdg\ufffdh\ufffd')
  expect(printable('Zoë 日本 \u00a0 العربية', 100)).toBe('Zoë 日本 \u00a0 العربية')
})
