import type { StreamBound } from './ids.ts'

/** An entry as it was added. */
export interface StreamEntry<T> {
  /** The id that Redis gave it, `<ms>-<n>`: unique and rising within the stream. */
  readonly id: string
  readonly payload: T
  /** When Redis added it, in milliseconds since 1970. */
  readonly addedAtMs: number
}

export interface StreamReadOptions {
  /** The oldest id or time of the range, inclusive; `'-'` is the oldest entry. Default: '-'. */
  readonly from?: StreamBound | undefined
  /** The newest id or time of the range, inclusive; `'+'` is the newest entry. Default: '+'. */
  readonly to?: StreamBound | undefined
  /** Most entries of a page: 1 to 1,000. Default: 100. */
  readonly limit?: number | undefined
  /** `next` of the page before. Default: the first page. */
  readonly after?: string | undefined
  /** Newest first. Default: false. */
  readonly reverse?: boolean | undefined
}

/** A page of a list. */
export interface StreamPage<Item> {
  readonly items: readonly Item[]
  /** Give it as `after` to get the next page. Undefined after the last page. */
  readonly next: string | undefined
}

export interface StreamReplayOptions {
  /** The oldest id or time of the range, inclusive; `'-'` is the oldest entry. Default: '-'. */
  readonly from?: StreamBound | undefined
  /** The newest id or time of the range, inclusive; `'+'` is the newest entry. Default: '+'. */
  readonly to?: StreamBound | undefined
  /** Continues after the entry with this id, in the order of reading. Instead of `from`, in reverse instead of `to`. */
  readonly after?: string | undefined
  /** Newest first. Default: false. */
  readonly reverse?: boolean | undefined
  /** Continues with new entries until the signal ends the iteration. Default: false. */
  readonly follow?: boolean | undefined
  /** Entries fetched at once: 1 to 1,000. Default: 100. */
  readonly pageEntries?: number | undefined
  /** Bytes fetched at once: 1 KiB to 8 MiB. One entry always fits. Default: 1 MiB. */
  readonly pageBytes?: number | undefined
  /** Ends the iteration, which throws the signal's reason. */
  readonly signal?: AbortSignal | undefined
}
