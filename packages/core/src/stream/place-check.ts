import type { WorkerScripts } from './worker-scripts.ts'

/** A worker makes a step this often. */
const EVERY_MS = 10_000

/**
 * Checks the places of keys, a step at a time, so that an entry that was deleted by hand does not block its key for good. Returns a
 * function that ends it.
 */
export function startPlaceCheck(
  check: WorkerScripts['checkPlaces'],
  trouble: (error: unknown) => void,
  everyMs: number = EVERY_MS,
): () => void {
  let cursors: readonly [string, string] = ['0', '']
  let busy = false

  async function step(): Promise<void> {
    if (busy) return
    busy = true
    try {
      const [cursor, after, repaired] = await check(...cursors)
      cursors = [cursor, after]
      if (repaired > 0) {
        trouble(
          new Error(
            `${repaired} keys waited for entries that were deleted by hand; their next entries are handled now`,
          ),
        )
      }
    } catch {
      // Other calls report the same error.
      cursors = ['0', '']
    }
    busy = false
  }

  const timer = setInterval(() => void step(), everyMs)
  return () => clearInterval(timer)
}
