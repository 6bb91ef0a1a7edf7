import { getHeapStatistics } from 'node:v8'

import { SOURCES } from './sources.ts'

/** A read of more entries from each source would hold Redis for over a millisecond. */
const MOST_READ = 256
/** The longest payload that `add` takes. */
const LONGEST_PAYLOAD = 1 << 20

/** What a worker may fetch, so that payloads of any length fit into the memory of its process. */
export interface Capacity {
  /** Entries of one read from each source at the most. */
  readonly entriesPerRead: number
  /** Entries of that mean length that fit beside so many with so many characters: at least one when there is none. */
  fits(entries: number, length: number, meanLength: number): number
}

/**
 * Payloads may take an eighth of the heap, since a handler gets each as text and as a value. A read cannot be limited
 * by bytes, so each entry that it asks for counts as one of the longest payloads from each source.
 */
export function createCapacity(heapLimit: number = getHeapStatistics().heap_size_limit): Capacity {
  const mostLength = heapLimit / 8
  const entries = Math.floor(mostLength / (SOURCES.length * LONGEST_PAYLOAD))
  return {
    entriesPerRead: Math.min(MOST_READ, Math.max(1, entries)),
    fits: (leased, length, meanLength) =>
      Math.max(leased === 0 ? 1 : 0, Math.floor((mostLength - length) / (meanLength + 1))),
  }
}
