import { hasLease } from './delivery-state.ts'
import type { LeasedEntry } from './leased-entry.ts'

/**
 * Suspects: entries that were under lease in a process that died. One of them may have killed it. They start one after another,
 * because a process that dies uses up an attempt of every suspect that runs in it.
 */
export interface Suspects {
  /** How many wait. */
  readonly size: number
  /** When the first waiting suspect was fetched, by the clock of this process; undefined when none waits. */
  readonly oldest: number | undefined
  push(entry: LeasedEntry): void
  /** When the next may start, by the clock of this process: Infinity when none waits. */
  nextAt(): number
  /** Removes and returns the suspect to start next: the one with the fewest attempts, so that the harmful one starts last. */
  start(): LeasedEntry
  /** Puts back a suspect whose handler was not called. */
  putBack(entry: LeasedEntry): void
  /** Removes and returns the newest waiting suspect. */
  pop(): LeasedEntry | undefined
}

/** After this time the next suspect may start beside a running one: most harmful entries kill their process at once. */
const ALONE_MS = 250
/** The same time if a process died after the start of one of the two was recorded, or if entries have one attempt only. */
const ALONE_LONG_MS = 10_000

export function createSuspects(maxAttempts: number): Suspects {
  const waiting: LeasedEntry[] = []
  const running = new Set<LeasedEntry>()
  let startedAt = 0

  /** The index of the suspect to start next. */
  function next(): number {
    let least = 0
    for (let at = 1; at < waiting.length; at++) {
      if ((waiting[at] as LeasedEntry).attempt < (waiting[least] as LeasedEntry).attempt) least = at
    }
    return least
  }

  function isGrave({ attempt, own }: LeasedEntry): boolean {
    return attempt > 1 || (own?.attempts ?? maxAttempts) === 1
  }

  return {
    get size() {
      return waiting.length
    },
    get oldest() {
      return waiting[0]?.fetchedAt
    },
    push: (entry) => void waiting.push(entry),
    nextAt() {
      if (waiting.length === 0) return Infinity
      // A suspect that ended counts until Redis has its outcome: its start is recorded until then.
      for (const entry of running) if (!hasLease(entry)) running.delete(entry)
      if (running.size === 0) return 0
      const grave = [waiting[next()] as LeasedEntry, ...running].some(isGrave)
      return startedAt + (grave ? ALONE_LONG_MS : ALONE_MS)
    },
    start() {
      const [entry] = waiting.splice(next(), 1) as [LeasedEntry]
      running.add(entry)
      startedAt = performance.now()
      return entry
    },
    putBack(entry) {
      running.delete(entry)
      waiting.push(entry)
    },
    pop: () => waiting.pop(),
  }
}
