import { expect, test } from 'vitest'

import { createPausing } from './pausing.ts'

test('an answer that was asked for before a message does not undo the pause of the message', () => {
  const changes: boolean[] = []
  const pausing = createPausing((paused) => changes.push(paused))
  const early = pausing.asking()
  pausing.told(true)
  early(false)
  expect([pausing.paused, changes]).toEqual([true, [true]])
  const later = pausing.asking()
  later(false)
  expect([pausing.paused, changes]).toEqual([false, [true, false]])
})

test('a message that is none of a pause makes only earlier questions out of date', () => {
  const pausing = createPausing(() => {})
  const early = pausing.asking()
  pausing.told(false)
  early(true)
  expect(pausing.paused).toBe(false)
  pausing.asking()(true)
  expect(pausing.paused).toBe(true)
})
