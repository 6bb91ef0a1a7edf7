import type { Duration } from '../duration.ts'
import type { Effect } from './effect.ts'

/** A stream that `rebuild` can read: one of `createStream` with `retain` or without groups. */
export interface RebuildSource<Entry> {
  readonly name: string
  read(options: {
    readonly to: string
    readonly after?: string
    readonly limit: number
  }): Promise<{ readonly items: readonly Entry[]; readonly next: string | undefined }>
}

/** A board, counters or a notifier, and its copy under another name. */
export interface RebuildComparison {
  readonly live: object
  readonly rebuilt: object
  /** Of a notifier: the channels whose histories are compared. */
  readonly channels?: readonly string[] | undefined
}

export interface RebuildOptions<Entry> {
  /** The changes that an entry made, on the copies. */
  readonly effects: (entry: Entry) => readonly Effect[]
  /** What is compared. Default: nothing; then the copies are only built. */
  readonly compare?: readonly RebuildComparison[] | undefined
  /** Wait between two steps. A step reads at most 100 entries, or compares some 200 members. Default: 0. */
  readonly pause?: Duration | undefined
  /** Ends it; it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

export interface RebuildDifference {
  /** The object, such as `leaderboard 'points'`. */
  readonly of: string
  /** The member, the counter, or the channel. */
  readonly key: string
  /** Score or value; of a channel offset and tag of the newest event. Undefined: there is none. */
  readonly live: number | string | undefined
  readonly rebuilt: number | string | undefined
}

export interface Rebuilt {
  /** Entries whose changes were made on the copies. */
  readonly entries: number
  /** The last id of the stream up to which they were made. */
  readonly position: string
  /** Whether the stream still had every entry that was ever added. If not, the copies lack the changes of the others. */
  readonly complete: boolean
  /** Entries whose changes were refused on the copies, such as by a floor. */
  readonly refused: number
  /** Members, counters and channels that were compared; some twice. */
  readonly compared: number
  /** The first 1,000 differences. */
  readonly differences: readonly RebuildDifference[]
}
