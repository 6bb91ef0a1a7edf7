import { getHeapStatistics } from 'node:v8'

import { SOURCES } from './sources.ts'

/** A read of more entries from each source would block Redis for over a millisecond. */
const MOST_READ = 256
/** The longest payload that `add` accepts. */
const LONGEST_PAYLOAD = 1 << 20

/** Limits how many entries a worker fetches, so that payloads of any length fit into the memory of its process. */
export interface Capacity {
  /** Most entries of one read from each source. */
  readonly entriesPerRead: number
  /** How many more entries of that mean length fit beside `entries` with `length` characters in all; at least one if there are none. */
  fits(entries: number, length: number, meanLength: number): number
}

/**
 * Payloads may take an eighth of the heap, because each exists as text and as a value. Redis cannot limit a read by bytes, so each
 * entry of a read counts as the longest possible payload, from each source.
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
