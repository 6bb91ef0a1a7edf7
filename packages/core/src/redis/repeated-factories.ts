import { warn } from '../warn.ts'
import type { Feature } from './server.ts'

const FACTORIES: Readonly<Record<Feature, string>> = {
  limiter: 'createRateLimiter',
  stream: 'createStream',
  leaderboard: 'createLeaderboard',
  notifier: 'createNotifier',
  counters: 'createCounters',
  once: 'createOnce',
  requests: 'idempotent',
  deduper: 'createDeduper',
  lock: 'createLock',
  semaphore: 'createSemaphore',
  objects: 'createObjects',
}

/** With this many objects of one name in a process, the factory is probably called in a request handler. */
const SUSPICIOUS = 100
/** The most names that are counted at once. */
const MOST_NAMES = 1000

/** Counts the objects of each name. Warns once when an object is created again and again, as in a request handler. */
export function watchFactories(): (feature: Feature, space: string, name: string) => void {
  const made = new Map<string, number>()
  let warned = false
  return (feature, space, name) => {
    if (warned) return
    const key = `${feature} ${space} ${name}`
    const count = (made.get(key) ?? 0) + 1
    // Many names are either many long-lived objects or names from requests. The count starts again, to bound memory.
    if (made.size >= MOST_NAMES) made.clear()
    made.set(key, count)
    if (count < SUSPICIOUS) return
    warned = true
    made.clear()
    warn(
      'PENKNIFE_REPEATED_FACTORY',
      `${FACTORIES[feature]} was called ${count} times for '${name}' of space '${space}': call it once, outside of request ` +
        'handlers, and use what it returns. Each object has caches and counters of its own',
    )
  }
}
