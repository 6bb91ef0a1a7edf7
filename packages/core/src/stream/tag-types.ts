import type { Duration } from '../duration.ts'
import type { StreamEntryState } from './entry-state-types.ts'

/**
 * Up to 8 tags. A name has 1 to 64 of the characters A-Z a-z 0-9 _ . -; a value is a finite number, or 1 to 256 characters without control
 * characters. 17 and '17' are the same value. Undefined: no tag.
 */
export type StreamTags = Readonly<Record<string, string | number | undefined>>

/** Which entries are found by their tags. An entry beyond either limit is not, wherever it is. */
export interface StreamTagLimits {
  /** How many of the newest entries with tags: 1 to 1,000,000. Default: 10,000. */
  readonly entries?: number | undefined
  /** For how long after it was added: from 1 s. The next adds delete older tags. Default: 7 days. */
  readonly age?: Duration | undefined
}

export interface StreamTaggedOptions {
  /** Most entries of a page: 1 to 100. Default: 20. */
  readonly limit?: number | undefined
  /** `next` of the page before. Default: the newest entries. */
  readonly after?: string | undefined
}

/** An entry that was found by its tags. */
export interface StreamTaggedEntry<T> {
  readonly id: string
  /** When Redis added it, in milliseconds since 1970. */
  readonly addedAtMs: number
  /**
   * Of a work queue with one group where it is, see `StreamEntryState`; `unknown` when a search of 200 script calls did not tell. Of any
   * other stream `stored` or `gone`.
   */
  readonly state: StreamEntryState['state'] | 'stored' | 'unknown'
  /** Attempts used up; 0 where that is not known. */
  readonly attempts: number
  /** When it is due, milliseconds since 1970. */
  readonly dueMs: number | undefined
  /** Undefined when it is gone or unknown, or its outcome alone is kept. */
  readonly payload: T | undefined
}
