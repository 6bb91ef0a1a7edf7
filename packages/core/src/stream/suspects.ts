import type { Held } from './delivery.ts'

/**
 * Entries that workers vanished with. Any of them may be what kills its process, and takes the attempts of those along
 * whose handlers run beside it: so they start one after another.
 */
export interface Suspects {
  /** Those that wait. */
  readonly size: number
  /** When the first of those that wait arrived here, by the clock of this process; undefined when none waits. */
  readonly oldest: number | undefined
  push(held: Held): void
  /** When the next may start, by the clock of this process: Infinity when none waits. */
  nextAt(): number
  /** Takes the one off that is to start next: of the fewest attempts, so that what killed a process does so last. */
  start(): Held
  /** Puts one back whose handler was not called. */
  putBack(held: Held): void
  /** Takes the newest off that waits. */
  pop(): Held | undefined
}

/** What kills a process mostly does so at once: after this time the next may start beside it. */
const ALONE_MS = 250
/** As above, for one that is known to have been started when a process died, and with what has one attempt only. */
const ALONE_LONG_MS = 10_000

export function createSuspects(maxAttempts: number): Suspects {
  const waiting: Held[] = []
  const running = new Set<Held>()
  let startedAt = 0

  /** The next one's place among those that wait. */
  function next(): number {
    let least = 0
    for (let at = 1; at < waiting.length; at++) {
      if ((waiting[at] as Held).attempt < (waiting[least] as Held).attempt) least = at
    }
    return least
  }

  function isGrave({ attempt }: Held): boolean {
    return attempt > 1 || maxAttempts === 1
  }

  return {
    get size() {
      return waiting.length
    },
    get oldest() {
      return waiting[0]?.arrivedAt
    },
    push: (held) => void waiting.push(held),
    nextAt() {
      if (waiting.length === 0) return Infinity
      // Until Redis has their outcomes: what ended is marked as started as long as that.
      for (const held of running) if (held.stage === 'over') running.delete(held)
      if (running.size === 0) return 0
      const grave = [waiting[next()] as Held, ...running].some(isGrave)
      return startedAt + (grave ? ALONE_LONG_MS : ALONE_MS)
    },
    start() {
      const [held] = waiting.splice(next(), 1) as [Held]
      running.add(held)
      startedAt = performance.now()
      return held
    },
    putBack(held) {
      running.delete(held)
      waiting.push(held)
    },
    pop: () => waiting.pop(),
  }
}
