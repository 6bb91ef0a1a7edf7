import { expect, test } from 'vitest'

import { createSink } from './sink.ts'

test('an item over the bound is dropped unmade; a run of drops is told once, the next run again', async () => {
  const told: number[] = []
  const settle: (() => void)[] = []
  const give = (): Promise<void> => new Promise((resolve) => settle.push(resolve))
  const sink = createSink<number>(give, { maxPending: 2, onError: (_error, lost) => told.push(lost) })
  let made = 0
  const add = (): void => sink.add(() => ++made)
  for (let nth = 0; nth < 5; nth++) add()
  expect([made, told]).toEqual([2, [1]])
  for (const done of settle.splice(0)) done()
  await sink.settled()
  for (let nth = 0; nth < 4; nth++) add()
  expect([made, told]).toEqual([4, [1, 4]])
})
