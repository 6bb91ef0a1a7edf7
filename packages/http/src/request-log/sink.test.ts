import { setImmediate as turn } from 'node:timers/promises'

import { expect, test } from 'vitest'

import { createSink } from './sink.ts'

test('an item over the bound is dropped unmade; a run of drops is reported once, the next run again', async () => {
  const reports: number[] = []
  const settle: (() => void)[] = []
  const give = (): Promise<void> => new Promise((resolve) => settle.push(resolve))
  const sink = createSink<number>(give, { maxPending: 2, onError: (_error, lost) => reports.push(lost) })
  let made = 0
  const add = (): void => sink.add(() => ++made)
  for (let nth = 0; nth < 5; nth++) add()
  expect([made, reports]).toEqual([2, [1]])
  await turn()
  for (const done of settle.splice(0)) done()
  await sink.settled(60_000)
  for (let nth = 0; nth < 4; nth++) add()
  expect([made, reports]).toEqual([4, [1, 4]])
})

test('waiting for a receiver that never answers ends after the given time, and is reported', async () => {
  const reports: string[] = []
  const never = (): Promise<void> => new Promise(() => {})
  const sink = createSink<number>(never, { maxPending: 2, onError: (error) => reports.push(String(error)) })
  sink.add(() => 1)
  await sink.settled(10)
  expect(reports).toEqual(['Error: 1 entries had not settled within 10 ms of close()'])
})
