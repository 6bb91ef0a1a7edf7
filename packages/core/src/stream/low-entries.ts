/** When a worker moves entries of low priority to `ready`, from which workers read them (lua/stream/promote.lua). */
export interface LowEntries {
  /** Whether some may wait. If not, the worker may wait for other entries. */
  readonly known: boolean
  /** A message or a maintenance step says that some wait. */
  found(): void
  /** Call it before a fetch of up to `count` entries of each source. It moves some when it is their turn. Undefined: it is not. */
  beforeFetch(count: number): Promise<void> | undefined
  /** Call it after a fetch; `full`: a source had as many entries as the fetch asked for. */
  fetched(entries: number, full: boolean): void
  /** The worker begins to wait for up to `count` entries, or, with 0, ends that. */
  waiting(count: number): void
}

export interface LowEntriesOptions {
  /** Moves at most `count` entries, without `always` only if no other entry waits. Resolves with how many it moved, and 1 if some are left. */
  readonly promote: (count: number, always: boolean) => Promise<readonly [moved: number, left: number]>
  readonly trouble: (error: unknown) => void
}

/** While other entries wait, one of this many entries that a worker fetches has low priority. */
export const LOW_SHARE = 16
/** Most that a call moves, so that it occupies Redis for a millisecond or two. */
const MOST_MOVED = 128

/**
 * A worker that knows of such entries does not wait for others: it moves some when its last fetch found no more, and a share of what it
 * fetches in any case. One that knows of none sends nothing.
 */
export function createLowEntries({ promote, trouble }: LowEntriesOptions): LowEntries {
  let known = false
  /** How often `found` was called: a reply from before the last call does not say that none is left. */
  let messages = 0
  /** Entries that were fetched since some were moved. */
  let others = 0
  /** Whether nothing else seems to wait. */
  let idle = true
  let refilled = false
  let waitsFor = 0

  async function move(count: number, always: boolean): Promise<void> {
    const before = messages
    try {
      const [moved, left] = await promote(Math.min(count, MOST_MOVED), always)
      if (left === 0 && messages === before) known = false
      if (moved === 0) return
      refilled = !always
      others = 0
    } catch (error) {
      // Other entries go on. The next maintenance step says whether some wait.
      known = false
      throw error
    }
  }

  return {
    get known() {
      return known
    },
    found() {
      messages += 1
      known = true
      if (waitsFor > 0) move(waitsFor, false).catch(trouble)
    },
    beforeFetch(count) {
      if (!known) return undefined
      const share = Math.floor(others / LOW_SHARE)
      // Several at once, because each call costs as much as a fetch.
      if (share >= Math.min(count, LOW_SHARE)) return move(share, true)
      return idle ? move(count, false) : undefined
    },
    fetched(entries, full) {
      if (known) others += entries
      idle = !full || refilled
      refilled = false
    },
    waiting: (count) => void (waitsFor = count),
  }
}
