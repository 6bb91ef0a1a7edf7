import type { StreamPage } from './entry-types.ts'
import type { StreamBound } from './ids.ts'

/** Why an entry became a dead letter. */
export type DeadLetterKind =
  /** Its last attempt failed. */
  | 'failed'
  /** A handler threw NeverRetryError, or the worker's `retry` returned false. */
  | 'never-retry'
  /**
   * Its payload is not JSON, or the schema refused it; no handler ran. A letter with the id 0-0 was not written by penknife: it was
   * among the delayed entries or the retries.
   */
  | 'invalid'
  /** Its last attempt was used up by a process that died or lost the lease. */
  | 'vanished'

/** An entry that its group gave up on. */
export interface DeadLetter {
  /** The entry's id in the stream. */
  readonly id: string
  /** The id of the dead letter. */
  readonly position: string
  readonly group: string
  /** The entry's key, see `order` of `createStream`. */
  readonly key: string | undefined
  /** The payload as JSON text. */
  readonly json: string
  /** Attempts that were used up. */
  readonly attempts: number
  readonly why: DeadLetterKind
  /** The message of the last error and of its causes, such as `fetch failed: connect ECONNREFUSED …`: at most 1,000 characters. */
  readonly reason: string
  /** The traceparent given to `add`. */
  readonly traceparent: string | undefined
  /** When it became a dead letter, in milliseconds since 1970. */
  readonly diedAtMs: number
}

/** Selects dead letters; `{}` selects all. */
export interface DeadLetterFilter {
  /** Those that became dead at this time or later, or from this position on. */
  readonly from?: StreamBound
  /** Those that became dead at this time or earlier, or up to this position. */
  readonly to?: StreamBound
  /** Those of this kind, or of one of these kinds. */
  readonly why?: DeadLetterKind | readonly DeadLetterKind[]
  /** The letter of the entry with this id. */
  readonly id?: string
  /** Those for which it returns true. Any result but true or false, such as a promise, is refused. */
  readonly where?: (letter: DeadLetter) => boolean
}

export interface DeadLetterListOptions extends DeadLetterFilter {
  /** Oldest first instead of newest first. Default: false. */
  readonly oldestFirst?: boolean | undefined
  /** Letters to read for a page: 1 to 1,000. A page also ends after 1 MiB. The filter is applied to these. Default: 100. */
  readonly limit?: number | undefined
  /** `next` of the page before. Default: the first page. */
  readonly after?: string | undefined
}

export interface DeadLetterIterateOptions extends DeadLetterFilter {
  /** Oldest first instead of newest first. Default: false. */
  readonly oldestFirst?: boolean | undefined
  /** Letters fetched at once: 1 to 1,000; a page also ends after 1 MiB. Default: 100. */
  readonly pageEntries?: number | undefined
  /** Ends the iteration, which throws the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

export interface DeadLetterRequeueOptions {
  /**
   * The payload with which the entry is handled instead of its own, for the letter at a position. Your code checks it: the schema of the stream is
   * applied when a worker gets it. Default: its own payload.
   */
  readonly payload?: unknown
}

/** The dead letters of a group. They stay until they are requeued or purged. */
export interface DeadLetters {
  /**
   * Reads a page, newest first. With a filter a page may have fewer items than `limit`, even none, while `next` is defined.
   * One script call.
   */
  list(options?: DeadLetterListOptions): Promise<StreamPage<DeadLetter>>
  /** Iterates over all, newest first. One script call for each page. */
  iterate(options?: DeadLetterIterateOptions): AsyncIterableIterator<DeadLetter>
  /** Reads the letter at a position; undefined when there is none. One script call. */
  get(position: string): Promise<DeadLetter | undefined>
  /**
   * Gives the letter at a position, or those that a filter selects, back to the group, with all attempts again. Resolves with their
   * number. A script moves each letter, so none is lost or duplicated if a process dies: call again for the rest. Letters that arrive
   * during the call are not touched. One script call for 16 letters.
   *
   * @throws PENKNIFE_INVALID for a `payload` without a position, and for one that JSON would change or that has more than 1 MiB.
   */
  requeue(which: string | DeadLetterFilter, options?: DeadLetterRequeueOptions): Promise<number>
  /**
   * Deletes the letter at a position, or those that a filter selects; resolves with their number.
   *
   * @throws PENKNIFE_INVALID for undefined in the filter, which would select all; so does `requeue`.
   */
  purge(which: string | DeadLetterFilter): Promise<number>
}
