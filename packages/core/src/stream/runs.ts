import type { WorkerReturnReason } from './event-types.ts'
import type { LeasedEntry } from './leased-entry.ts'
import { NEW } from './sources.ts'

/**
 * Entries of a key that a worker got together: a run. It handles them one after the other. An entry whose predecessor did not succeed
 * here is given back, because its turn comes only after that one.
 */
export interface Runs {
  /** Takes an entry of a read. True when it may not start now: it waits for its predecessor, or was given back. */
  holds(entry: LeasedEntry): boolean
  /** Its handler succeeded, or it ended in another way. */
  ended(entry: LeasedEntry, succeeded: boolean): void
  /** Gives back all entries that wait for their predecessor. */
  giveBack(why: WorkerReturnReason): void
  /** How many entries of a key this worker wants at once. */
  readonly length: number
  /** Entries that wait for their predecessor. */
  readonly size: number
}

export interface RunsOptions {
  /** Several entries of a key run at once, so none waits for another here. */
  readonly together: boolean
  /** The predecessor of the entry succeeded: it may start. */
  readonly start: (entry: LeasedEntry) => void
  readonly giveBack: (entry: LeasedEntry, why: WorkerReturnReason) => void
}

/** The time that the handlers of a run should take. A key with slow handlers gets one entry after another, which costs little then. */
const RUN_MS = 5
const LONGEST_RUN = 32

export function createRuns({ together, start, giveBack }: RunsOptions): Runs {
  /** The last entry of the run that is being read. A read has the entries of a run one after the other. */
  let last: LeasedEntry | undefined
  const waiting = new Set<LeasedEntry>()
  /** The time of a handler; undefined before the first one ended. */
  let meanMs: number | undefined

  /** Takes the entry behind this one out of the run. */
  function successorOf({ keyed }: LeasedEntry): LeasedEntry | undefined {
    const next = keyed?.next
    if (!keyed || !next) return undefined
    keyed.next = undefined
    waiting.delete(next)
    return next
  }

  return {
    get length() {
      return together || meanMs === undefined
        ? 1
        : Math.max(1, Math.min(LONGEST_RUN, Math.floor(RUN_MS / meanMs)))
    },
    get size() {
      return waiting.size
    },
    holds(entry) {
      const { keyed, source } = entry
      // An entry of the stream is alone in its place.
      if (!keyed || source === NEW) return false
      const { place, before } = keyed
      const previous = last
      last = entry
      if (before === undefined) return false
      if (previous?.keyed?.place === place && previous.id === before && previous.stage === 'waiting') {
        previous.keyed.next = entry
        waiting.add(entry)
      } else giveBack(entry, 'busy')
      return true
    },
    ended(entry, succeeded) {
      const { keyed } = entry
      if (!keyed) return
      const { startedAt } = keyed
      if (succeeded && startedAt > 0) {
        const tookMs = performance.now() - startedAt
        meanMs = meanMs === undefined ? tookMs : (7 * meanMs + tookMs) / 8
        keyed.startedAt = 0
      }
      const next = successorOf(entry)
      if (!next) return
      if (succeeded && next.stage === 'waiting') {
        if (next.keyed) next.keyed.previous = entry
        start(next)
      }
      // Gives back those behind it too.
      else giveBack(next, 'busy')
    },
    giveBack(why) {
      for (const entry of waiting) {
        waiting.delete(entry)
        giveBack(entry, why)
      }
    },
  }
}
