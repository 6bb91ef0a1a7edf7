import { reportFault } from '../callbacks.ts'

/** Ends something in so many milliseconds. */
export type End = (deadlineMs: number) => Promise<void>

/** What is to end before penknife's connections close: workers, subscriptions, callers that wait. */
export interface Endings {
  /** The function that comes back takes it off again, so that what is not in use any more is not kept. */
  add(end: End): () => void
  /** Ends all of it, what is added meanwhile too; resolves in time, with how many did not end. */
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

/** Resolves with a promise, or after a time. */
export async function atMost(ms: number, promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)))
  await Promise.race([promise, late])
  clearTimeout(timer)
}
