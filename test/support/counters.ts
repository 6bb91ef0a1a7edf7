import type { Space } from '@penknife/core'

import { countBy } from './scripts.ts'

/** Adds to a counter of a space; resolves with its new value. */
export type Count = (counter: string, step?: number) => Promise<number>

export function counters(space: Space, deadlineMs: number = 5000): Count {
  const { bind, keys } = space.runtime
  const port = bind(countBy, [], deadlineMs)
  return (counter, step = 1) => port(keys.route, keys.leaderboard(counter), step)
}
