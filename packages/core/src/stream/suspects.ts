import { hasLease } from './delivery-state.ts'
import type { LeasedEntry } from './leased-entry.ts'

/**
 * Entries that workers vanished with. Any of them may be what kills its process, and takes the attempts of those along
 * whose handlers run beside it: so they start one after another.
 */
export interface Suspects {
  /** Those that wait. */
  readonly size: number
  /** When the first of those that wait was fetched, by the clock of this process; undefined when none waits. */
  readonly oldest: number | undefined
  push(entry: LeasedEntry): void
  /** When the next may start, by the clock of this process: Infinity when none waits. */
  nextAt(): number
  /** Takes the one off that is to start next: of the fewest attempts, so that what killed a process does so last. */
  start(): LeasedEntry
  /** Puts one back whose handler was not called. */
  putBack(entry: LeasedEntry): void
  /** Takes the newest off that waits. */
  pop(): LeasedEntry | undefined
}

/** What kills a process mostly does so at once: after this time the next may start beside it. */
const ALONE_MS = 250
/** As above, for one that is known to have been started when a process died, and with what has one attempt only. */
const ALONE_LONG_MS = 10_000

export function createSuspects(maxAttempts: number): Suspects {
  const waiting: LeasedEntry[] = []
  const running = new Set<LeasedEntry>()
  let startedAt = 0

  /** The next one's place among those that wait. */
  function next(): number {
    let least = 0
    for (let at = 1; at < waiting.length; at++) {
      if ((waiting[at] as LeasedEntry).attempt < (waiting[least] as LeasedEntry).attempt) least = at
    }
    return least
  }

  function isGrave({ attempt }: LeasedEntry): boolean {
    return attempt > 1 || maxAttempts === 1
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
      // One that ended counts until Redis has its outcome: it is recorded as started until then.
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
