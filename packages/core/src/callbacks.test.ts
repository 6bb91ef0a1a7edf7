import { expect, onTestFinished, test, vi } from 'vitest'

import { reportFault } from './callbacks.ts'

/** What is warned of a thrown value. */
function warningOf(thrown: unknown): string {
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  onTestFinished(() => warned.mockRestore())
  reportFault('a callback failed', thrown)
  return String(warned.mock.calls.at(-1)?.[0])
}

test('thrown text cannot fake a line of the log, control a terminal or fill it', () => {
  const text = warningOf(new Error(`\u001b[2J\u202eevil\nFAKE LINE ${'x'.repeat(3_000_000)}`))
  expect(text).toMatch(/^a callback failed: Error: /)
  const [first = '', ...frames] = text.split('\n')
  expect(first).toContain('evil\ufffdFAKE LINE')
  expect(first.length).toBeLessThan(1100)
  expect(frames.filter((line) => !line.startsWith('    at '))).toEqual([])
  expect(text).not.toMatch(/[\u001b\u202e]/)
})

test('whatever was thrown is reported', () => {
  expect(warningOf('text')).toBe('a callback failed: text')
  expect(warningOf(null)).toBe('a callback failed: null')
  const hostile = Object.defineProperty(new Error('x'), 'stack', {
    get: () => {
      throw new Error('no')
    },
  })
  expect(warningOf(hostile)).toBe('a callback failed: Error: x')
})
