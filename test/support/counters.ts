import type { Space } from '@penknife/core'

import type { Safety } from '../../packages/core/src/redis/durable.ts'
import { countBy } from './scripts.ts'

/** Adds to a counter of a space; resolves with its new value. */
export type Count = (counter: string, step?: number) => Promise<number>

export function counters(space: Space, deadlineMs: number = 5000): Count {
  const { bind, keys } = space.runtime
  const port = bind(countBy, [], deadlineMs)
  return (counter, step = 1) => port(keys.route, keys.leaderboard(counter), step)
}

export const REPLICATED: Safety = { fsynced: false, replicas: 1 }
export const FSYNCED: Safety = { fsynced: true, replicas: 0 }

/** Counts by one through a connection that waits until the new value is safe. */
export function safely(space: Space, safety: Safety = REPLICATED): () => Promise<number> {
  const { bindDurable, keys } = space.runtime
  const port = bindDurable(countBy, [], safety)
  return () => port(keys.route, keys.leaderboard('a'), 1)
}
