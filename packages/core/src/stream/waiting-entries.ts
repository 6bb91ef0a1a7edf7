import type { WorkerReturnReason } from './event-types.ts'
import type { LeasedEntry } from './leased-entry.ts'
import type { Pace } from './pace.ts'
import { createQueue } from './queue.ts'
import { createSuspects, type Suspects } from './suspects.ts'

/** Entries that wait for a handler. */
export interface WaitingEntries {
  /** How many wait, without suspects. */
  readonly size: number
  readonly suspects: Suspects
  push(entry: LeasedEntry): void
  /** Before the others: the next entry of a run, so that a run is finished together. */
  pushFirst(entry: LeasedEntry): void
  /** Removes and returns the oldest entry that is not a suspect. Its lease may have been lost meanwhile. */
  shift(): LeasedEntry | undefined
  /** Gives back the newest entries, and keeps `keep` entries and `keepSuspects` suspects. */
  giveBack(keep: number, keepSuspects: number, why: WorkerReturnReason): void
  /** From now on entries that wait too long are given back. */
  limitWaits(): void
  stop(): void
}

export interface WaitingEntriesOptions {
  readonly maxAttempts: number
  readonly pace: Pick<Pace, 'stalled'>
  readonly giveBack: (entry: LeasedEntry, why: WorkerReturnReason) => void
}

/** The longest wait for a handler. */
export const LONGEST_WAIT_MS = 250
/** The longest wait of suspects. */
const LONGEST_SUSPECT_WAIT_MS = 2000

export function createWaitingEntries({ maxAttempts, pace, giveBack }: WaitingEntriesOptions): WaitingEntries {
  const queue = createQueue<LeasedEntry>()
  const suspects = createSuspects(maxAttempts)
  let timer: NodeJS.Timeout | undefined

  /** Gives back entries that wait too long, because handlers became slow, so that other workers can handle them. */
  function giveBackLate(): void {
    timer = undefined
    const now = performance.now()
    if ((queue.first?.fetchedAt ?? now) < now - LONGEST_WAIT_MS) {
      pace.stalled()
      giveBackNewest(0, suspects.size, 'busy')
    }
    if ((suspects.oldest ?? now) < now - LONGEST_SUSPECT_WAIT_MS) giveBackNewest(queue.size, 0, 'busy')
    limitWaits()
  }

  function limitWaits(): void {
    if (queue.size + suspects.size > 0) timer ??= setTimeout(giveBackLate, LONGEST_WAIT_MS)
  }

  function giveBackNewest(keep: number, keepSuspects: number, why: WorkerReturnReason): void {
    while (queue.size > keep) giveBack(queue.pop() as LeasedEntry, why)
    while (suspects.size > keepSuspects) giveBack(suspects.pop() as LeasedEntry, why)
  }

  return {
    get size() {
      return queue.size
    },
    suspects,
    push: (entry) => (entry.suspect ? suspects : queue).push(entry),
    pushFirst: (entry) => queue.unshift(entry),
    shift: () => queue.shift(),
    giveBack: giveBackNewest,
    limitWaits,
    stop: () => clearTimeout(timer),
  }
}
