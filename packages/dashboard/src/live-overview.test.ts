import { expect, test, vi } from 'vitest'

import type { OverviewAnswer } from './api-types.ts'
import { createLiveOverview } from './live-overview.ts'

test('nothing is read while no page is open, and a later client gets the points of before', async () => {
  vi.useFakeTimers()
  try {
    let reads = 0
    const answer: OverviewAnswer = {
      atMs: 1,
      redis: { status: 'available', pending: 0 },
      checks: [],
      spaces: [],
      more: false,
    }
    const live = createLiveOverview({
      pauseMs: 2000,
      read: async () => {
        reads += 1
        return answer
      },
    })
    const got: string[] = []
    const leave = live.follow((text) => got.push(text))
    const leaveToo = live.follow((text) => got.push(text))
    await vi.advanceTimersByTimeAsync(4000)
    expect(reads).toBe(3)
    leave()
    leaveToo()
    await vi.advanceTimersByTimeAsync(100_000)
    expect(reads).toBe(3)
    const last = live.follow((text) => got.push(text))
    expect(JSON.parse(got.at(-1)?.split('data: ')[1] ?? '')).toEqual({
      points: [1, 2, 3].map(() => ({ atMs: 1, spaces: {} })),
    })
    last()
  } finally {
    vi.useRealTimers()
  }
})
