import type { Capacity } from './capacity.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { WorkerReturnReason } from './event-types.ts'
import type { LeasedEntry } from './leased-entry.ts'
import type { Leases } from './leases.ts'
import type { LimitGate } from './limit-gate.ts'
import type { Pace } from './pace.ts'
import type { Runs } from './runs.ts'
import { LONGEST_WAIT_MS, type WaitingEntries } from './waiting-entries.ts'

export interface FetchControlOptions {
  /** Most calls of the handler at the same time, which may change, and most entries of a call. */
  readonly concurrency: () => number
  readonly batch: number
  readonly capacity: Capacity
  readonly pace: Pace
  readonly waiting: WaitingEntries
  readonly dispatcher: Pick<Dispatcher, 'running' | 'dispatch'>
  readonly leases: Pick<Leases, 'size' | 'length'>
  /** With a limit. */
  readonly gate: Pick<LimitGate, 'asking' | 'ask'> | undefined
  readonly giveBack: (entry: LeasedEntry, why: WorkerReturnReason) => void
  /** With order by key. */
  readonly runs: Pick<Runs, 'holds' | 'size'> | undefined
  /** Why no entry may start now. */
  readonly stopped: () => WorkerReturnReason | undefined
}

/** Decides how many entries a worker fetches, and gives back surplus entries of a read. */
export interface FetchControl {
  /** How many entries to fetch now; 0 until a read is worth its cost. */
  room(): number
  /** Takes the entries of a read that asked for `asked` entries of each source. */
  take(entries: readonly LeasedEntry[], asked: number): void
}

export function createFetchControl(options: FetchControlOptions): FetchControl {
  const { concurrency, batch, capacity, pace, waiting, dispatcher, leases, gate, giveBack, runs, stopped } =
    options
  /** Entries of a position, as in the last reads: several where it is a run. */
  let perPosition = 1
  return {
    room() {
      const places = concurrency() * batch
      // Suspects start one after another, so a worker with many of them fetches no more.
      if (waiting.suspects.size >= places) return 0
      const all = places + pace.ahead
      const free = Math.min(
        all - dispatcher.running - waiting.size - (gate?.asking ?? 0) - (runs?.size ?? 0),
        pace.startsIn(LONGEST_WAIT_MS) * batch - waiting.size,
        capacity.fits(leases.size, leases.length, pace.meanLength),
      )
      return free > 0 && (waiting.size === 0 || free >= all / 2) ? Math.ceil(free / perPosition) : 0
    },
    take(entries, asked) {
      let length = 0
      let suspects = 0
      let held = 0
      let behind = 0
      const limited: LeasedEntry[] = []
      for (const entry of entries) {
        length += entry.json?.length ?? 0
        if (entry.keyed?.before !== undefined) behind += 1
        if (entry.stage !== 'waiting') continue
        if (runs?.holds(entry)) {
          held += 1
          continue
        }
        if (gate) {
          held += 1
          limited.push(entry)
          continue
        }
        if (entry.suspect) suspects += 1
        waiting.push(entry)
      }
      pace.fetched(entries.length, length)
      if (entries.length > behind)
        perPosition = (perPosition + entries.length / (entries.length - behind)) / 2
      const why = stopped()
      // Before the limiter is asked, because an entry that is given back afterwards loses its tokens.
      const most = limited.length - asked > pace.ahead ? asked : limited.length
      for (const [at, entry] of limited.entries()) {
        if (!why && at < most) gate?.ask(entry)
        else giveBack(entry, why ?? 'busy')
      }
      // A read returns up to `asked` entries from each source. A slow worker gives the surplus back.
      const over = entries.length - suspects - held - asked
      if (why) waiting.giveBack(0, 0, why)
      else if (over > pace.ahead) waiting.giveBack(waiting.size - over, waiting.suspects.size, 'busy')
      // A microtask, so that the reader sends its next read first.
      queueMicrotask(dispatcher.dispatch)
    },
  }
}
