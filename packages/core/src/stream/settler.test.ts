import { expect, test } from 'vitest'

import { type LeasedEntry, leasedEntry } from './leased-entry.ts'
import { createSettler, type Settler } from './settler.ts'
import { NEW } from './sources.ts'

function entryAt(order: number): LeasedEntry {
  return leasedEntry({ position: `1-${order}`, source: NEW, fields: ['d', '0'] }, order, 0, 1000)
}

test('an error in a callback of a batch does not end the settler or block a close that waits for it', async () => {
  const settled: string[] = []
  const troubles: unknown[] = []
  const abandoned: string[] = []
  const settler: Settler = createSettler({
    send: async () => '',
    settled({ entry }) {
      if (entry.position === '1-1') throw new TypeError('a fault')
      settled.push(entry.position)
    },
    lost: () => {},
    abandoned: (entry) => void abandoned.push(entry.position),
    trouble: (error) => void troubles.push(error),
  })
  settler.settle({ entry: entryAt(1), move: undefined })
  await settler.drained()
  settler.settle({ entry: entryAt(2), move: undefined })
  await settler.drained()
  expect(settled).toEqual(['1-2'])
  expect(abandoned).toEqual(['1-1'])
  expect(troubles).toEqual([new TypeError('a fault')])
  expect(settler.pending).toBe(0)
})
