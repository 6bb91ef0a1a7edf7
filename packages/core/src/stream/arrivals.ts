import type { Route } from '../redis/keys.ts'
import type { Runtime } from '../redis/penknife.ts'
import { createWakeUp, type Member, type WakeUp } from './wake-up.ts'

/**
 * Wakes callers when Redis streams get entries: one blocking connection for the whole process, or on a cluster one for each slot in
 * use. For workers that share connections.
 */
export interface Arrivals {
  /**
   * Takes part in waiting for the entries that a consumer group was not given yet, in streams of one slot. Members with the same keys
   * and group are woken one at a time, because an entry is for one of them.
   */
  join(route: Route, keys: readonly string[], group: string): Member
}

export function createArrivals(runtime: Runtime): Arrivals {
  /** By slot; without a cluster there is one. */
  const open = new Map<number, WakeUp>()
  return {
    join(route, keys, group) {
      const at = runtime.cluster ? route.slot : 0
      let wakeUp = open.get(at)
      if (!wakeUp) {
        wakeUp = createWakeUp(runtime.openReader(route), {
          commands: () => runtime.commandsOf(route),
          tried: runtime.tried,
          ended: () => void open.delete(at),
        })
        open.set(at, wakeUp)
      }
      return wakeUp.join(keys, group)
    },
  }
}
