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
/** Most keys of which the last finished entry is known. Without it the next entry of its run is given back. */
const MOST_FINISHED = 1000

export function createRuns({ together, start, giveBack }: RunsOptions): Runs {
  /** The last entry of each run, by place. */
  const lastOf = new Map<string, LeasedEntry>()
  /** The ids of entries that succeeded and whose successors may be in a later read, by place. */
  const succeededIn = new Map<string, string>()
  const waiting = new Set<LeasedEntry>()
  /** The time of a handler; undefined before the first one ended. */
  let meanMs: number | undefined

  function remember(place: string, id: string): void {
    if (succeededIn.size >= MOST_FINISHED) succeededIn.delete(succeededIn.keys().next().value as string)
    succeededIn.set(place, id)
  }

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
    holds(entry) {
      const { keyed, source } = entry
      // An entry of the stream is alone in its place.
      if (!keyed || source === NEW) return false
      const { place, before } = keyed
      const last = lastOf.get(place)
      if (before === undefined || succeededIn.get(place) === before) {
        succeededIn.delete(place)
        lastOf.set(place, entry)
        return false
      }
      if (last?.keyed && last.id === before) {
        last.keyed.next = entry
        waiting.add(entry)
        lastOf.set(place, entry)
      } else giveBack(entry, 'busy')
      return true
    },
    ended(entry, succeeded) {
      const { keyed } = entry
      if (!keyed) return
      const { place, startedAt } = keyed
      if (succeeded && startedAt > 0) {
        const tookMs = performance.now() - startedAt
        meanMs = meanMs === undefined ? tookMs : (7 * meanMs + tookMs) / 8
        keyed.startedAt = 0
      }
      if (lastOf.get(place) === entry) {
        lastOf.delete(place)
        if (succeeded) remember(place, entry.id)
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
