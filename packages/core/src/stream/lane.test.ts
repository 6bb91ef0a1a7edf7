import { expect, test } from 'vitest'

import { type Held, toHeld } from './delivery.ts'
import { createLane } from './lane.ts'

function heldAt(order: number): Held {
  return toHeld({ position: `1-${order}`, ready: false, fields: ['d', '0'] }, order, 0, 1000)
}

test('a fault in what concludes a batch ends neither the lane nor who waits for it', async () => {
  const told: string[] = []
  const troubles: unknown[] = []
  const abandoned: string[] = []
  const lane = createLane({
    settle: async () => '',
    told({ held }) {
      if (held.position === '1-1') throw new TypeError('a fault')
      told.push(held.position)
    },
    lost: () => {},
    abandoned: (held) => void abandoned.push(held.position),
    trouble: (error) => void troubles.push(error),
  })
  lane.tell(heldAt(1))
  await lane.drained()
  lane.tell(heldAt(2))
  await lane.drained()
  expect(told).toEqual(['1-2'])
  expect(abandoned).toEqual(['1-1'])
  expect(troubles).toEqual([new TypeError('a fault')])
  expect(lane.waiting).toBe(0)
})
