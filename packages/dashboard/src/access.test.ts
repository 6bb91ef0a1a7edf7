import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import { userOf } from './access.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => vi.useRealTimers())

test('a user about whom authorize never decides gets no access after 30 seconds, and the reason is reported', async () => {
  const reported: string[] = []
  const settings = { authorize: () => new Promise<never>(() => {}), readOnly: false }
  const asked = userOf({ context: {} } as never, settings as never, (_, error) =>
    reported.push((error as Error).message),
  )
  await vi.advanceTimersByTimeAsync(30_000)
  expect(await asked).toBeUndefined()
  expect(reported).toEqual([expect.stringContaining('answer within 30 s')])
})

test('an answer in time leaves no timer', async () => {
  const user = { user: 'ann', role: 'read' }
  const settings = { authorize: async () => user, readOnly: false }
  expect(await userOf({ context: {} } as never, settings as never, () => {})).toEqual(user)
  expect(vi.getTimerCount()).toBe(0)
})
