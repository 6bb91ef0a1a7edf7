import { reportFault } from '../callbacks.ts'

/** Ends something within the given milliseconds. */
export type End = (deadlineMs: number) => Promise<void>

/** Functions to call before penknife's connections close: they end workers, subscriptions and waiting callers. */
export interface Endings {
  /**
   * Registers a function. Returns a function that removes it, so that unused objects are not kept in memory. After `run` it is called at once:
   * before the caller has the returned function.
   */
  add(end: End): () => void
  /** Calls all, also those added meanwhile. Resolves within the deadline, with the number that did not end. */
  run(deadlineMs: number): Promise<number>
}

export function createEndings(): Endings {
  const endings = new Set<End>()
  let over = false

  async function endOne(end: End, deadlineMs: number): Promise<void> {
    try {
      await end(deadlineMs)
    } catch (fault) {
      reportFault('penknife.close() could not end everything', fault)
    }
  }

  return {
    add(end) {
      if (over) void endOne(end, 0)
      else endings.add(end)
      return () => endings.delete(end)
    },
    async run(deadlineMs) {
      const until = performance.now() + deadlineMs
      const going = new Set<End>()
      while (endings.size > 0) {
        const left = Math.max(0, until - performance.now())
        const all = [...endings].map(async (end) => {
          endings.delete(end)
          going.add(end)
          await endOne(end, left)
          going.delete(end)
        })
        await atMost(left, Promise.all(all))
        if (performance.now() >= until) break
      }
      over = true
      return going.size + endings.size
    },
  }
}

/** Resolves when the promise resolves, or after a time. */
export async function atMost(ms: number, promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)))
  await Promise.race([promise, late])
  clearTimeout(timer)
}
