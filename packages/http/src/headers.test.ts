import { expect, test } from 'vitest'

import { secondsUp } from './headers.ts'

test('seconds are never fewer than the milliseconds', () => {
  expect([0, 1, 999, 1000, 1001].map(secondsUp)).toEqual([0, 1, 1, 1, 2])
})
