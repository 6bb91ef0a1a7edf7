import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import { createReader } from './reader.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
afterEach(() => void vi.useRealTimers())

test('a worker waits a moment when others took the entries of low priority that it asked for, unless it gets more room', async () => {
  let reads = 0
  let left = 0
  const reader = createReader({
    fetcher: {
      ready: true,
      reason: undefined,
      onReady: () => {},
      async fetchNew() {
        reads += 1
        // A reader that never waits would keep the test from its end.
        if (reads > 100) await new Promise(() => {})
        return left-- > 0 ? [['orders', [[`${reads}-0`, ['d', '1']]]]] : null
      },
      fetchPending: async () => null,
      reconnect: () => {},
      close: async (fetching) => fetching,
    },
    sourceKeys: ['orders', 'ready'],
    low: { known: true, beforeFetch: async () => {}, fetched: () => {}, waiting: () => {} },
    open: async () => {},
    room: () => 1,
    most: 100,
    fetched: () => {},
    snapshot: () => () => false,
    trouble: (error) => expect.fail(String(error)),
    resumed: () => {},
  })
  await vi.advanceTimersByTimeAsync(100)
  // Every five milliseconds, not as fast as Redis replies.
  expect(reads).toBe(21)
  left = 10
  reader.roomMade()
  await vi.advanceTimersByTimeAsync(1)
  // Ten that found an entry, and one more.
  expect(reads).toBe(32)
  await reader.stop()
})
