import type { Duration } from '../duration.ts'
import type { Counters } from '../guard/index.ts'
import type { BoardReadOptions, BoardRow, Leaderboard } from '../leaderboard/index.ts'

export interface LiveRateOptions {
  /** How often the view is read at most, 20 ms to 1 min. Its watchers get changes at this rate. Default: 250 ms. */
  readonly every?: Duration | undefined
  /**
   * How often it is read when nothing tells of a change, 100 ms to 1 h: for changes that only time makes, such as the end of a day or the
   * expiry of a reservation. Without a source that tells of changes, `every` counts. Default: 5 s.
   */
  readonly tick?: Duration | undefined
}

/** The best rows of a board, or a page of it. */
export interface LiveTopOptions extends LiveRateOptions, BoardReadOptions {
  /** How many rows, 1 to 1,000. */
  readonly top: number
  /** The position of the first. Default: 1. */
  readonly from?: number | undefined
}

/** A member's row, or null. */
export interface LiveRankOptions extends LiveRateOptions, BoardReadOptions {
  readonly rank: string
}

/** The rows around a member; none if it is not on the board. */
export interface LiveAroundOptions extends LiveRateOptions, BoardReadOptions {
  readonly around: string
  /** How many rows before and after it, up to 500. Default: 5. */
  readonly each?: number | undefined
}

/** A guarded counter. */
export interface LiveCounterOptions extends LiveRateOptions {
  readonly counter: string
}

/** Anything else that can be read. Watchers get a copy, as JSON has it; nothing is null. */
export interface LiveReadOptions<Value> extends LiveRateOptions {
  readonly read: () => Value | Promise<Value>
}

/** What `live` needs of a board. */
export type LiveBoard<Data = unknown> = Pick<Leaderboard<Data>, 'top' | 'rank' | 'around'>

/** What `live` needs of counters. */
export type LiveCounters = Pick<Counters, 'read'>

/** A counter: its value, and how much can be taken and added, with open reservations counted. Null: without a bound. */
export interface LiveCounter {
  readonly value: number
  readonly available: number | null
  readonly room: number | null
}

/** A row of any kind, which `member` identifies. */
export interface LiveRow {
  readonly member: string
}

/**
 * What changed. Of rows: those that are new or differ, and the members in their new order if that changed. Of anything else, or if it is
 * shorter: the new value. `applyLiveChange` applies it.
 */
export type LiveChange =
  | { readonly set: readonly LiveRow[]; readonly order?: readonly string[] }
  | { readonly value: unknown }

export type LiveUpdate<Value> =
  | { readonly kind: 'state'; readonly value: Value }
  | { readonly kind: 'change'; readonly value: Value; readonly change: LiveChange }

/** A part of the data that is kept up to date while it is watched: see `live`. */
export interface LiveView<Value = unknown> {
  /**
   * Calls the listener with the state, and then with each change. All watchers share the reads. Returns a function that ends it. While
   * Redis is away nothing is called. A listener that fails is reported.
   */
  watch(listener: (update: LiveUpdate<Value>) => void): () => void
  /** The present value. Rejects with what the read rejects with. */
  value(): Promise<Value>
}

export type LiveRows<Data = unknown> = readonly BoardRow<Data>[]
