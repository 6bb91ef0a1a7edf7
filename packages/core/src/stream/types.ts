import type { Duration } from '../duration.ts'
import type { ReplayOptions } from './replay.ts'

export interface StreamOptions {
  /**
   * Groups that must each finish an entry before it may be trimmed. Declared here they exist from the first
   * `add` on, so that a worker started later misses nothing. Default: none.
   */
  readonly groups?: readonly string[]
  /** Entries kept after they were finished by every group: a whole number from 1. Default: 10,000. */
  readonly keep?: number
}

/** An entry as it was added. */
export interface Entry<T> {
  /** Redis' own id, `<ms>-<n>`, unique and rising within the stream. */
  readonly id: string
  readonly payload: T
  /** When Redis took it, milliseconds since 1970. */
  readonly addedAtMs: number
}

export interface ReadOptions {
  /** First id to read, inclusive; `'-'` is the oldest. Default: '-'. */
  readonly from?: string
  /** Last id to read, inclusive; `'+'` is the newest. Default: '+'. */
  readonly to?: string
  /** Entries at the most: 1 to 1,000. Default: 100. */
  readonly count?: number
  /** Newest first. Default: false. */
  readonly reverse?: boolean
}

/** An entry in a worker's hands, under a lease. */
export interface Delivery<T> extends Entry<T> {
  /** 1 at the first delivery; with the consumer's name it is the fence of the lease. */
  readonly attempt: number
  /**
   * Aborted when the lease is lost or the worker must stop at once. The entry is another's then: however the
   * handler ends, it neither finishes nor fails it.
   */
  readonly signal: AbortSignal
}

export type Handler<T> = (delivery: Delivery<T>) => unknown

export interface WorkerOptions {
  /** Entries handled at once by this worker: 1 to 1,000. Default: 10. */
  readonly concurrency?: number
  /** An entry whose worker gives no sign for this long goes to another, within five seconds. Default: 30 s. */
  readonly lease?: Duration
  /** Wait before a failed entry is tried again, at most the lease. Default: 1 s. */
  readonly retryDelay?: Duration
  /** Deliveries before an entry goes to the dead letters: 1 to 1,000. Default: 5. */
  readonly maxAttempts?: number
}

/** What happens to entries and to the worker; also on the node:diagnostics_channel `penknife:worker`. */
export type WorkerEvent =
  | { readonly kind: 'done'; readonly id: string; readonly attempt: number }
  | { readonly kind: 'failed'; readonly id: string; readonly attempt: number; readonly error: unknown }
  | { readonly kind: 'dead'; readonly id: string; readonly attempt: number; readonly error: unknown }
  | { readonly kind: 'lost'; readonly id: string; readonly attempt: number }
  | { readonly kind: 'recovered'; readonly id: string; readonly attempt: number }
  | { readonly kind: 'trouble'; readonly error: unknown }

export interface Worker {
  readonly group: string
  /** This worker's consumer name, unique to it. */
  readonly consumer: string
  on(listener: (event: WorkerEvent) => void): () => void
  /** Stops fetching, waits for the handlers at most `deadline` (default 10 s), gives the rest back. */
  close(deadline?: Duration): Promise<void>
}

/** An entry that its group gave up on. */
export interface DeadLetter {
  /** The entry's id in the stream. */
  readonly id: string
  /** The payload as JSON text. */
  readonly json: string
  /** Deliveries; also counts one that only found it delivered too often. */
  readonly attempts: number
  readonly reason: string
}

export interface Stream<T> {
  readonly name: string
  /**
   * Appends an entry; resolves with its id once Redis has it.
   *
   * Cost: XADD and XLEN, in a script call shared with the other adds of the same turn of the event loop.
   *
   * @throws PENKNIFE_INVALID for a payload that JSON cannot carry or of more than 1 MiB. An error with fate
   * `unknown` leaves open whether the entry is there.
   */
  add(payload: T): Promise<string>
  /** Reads entries without taking part in a group: one XRANGE. */
  read(options?: ReadOptions): Promise<readonly Entry<T>[]>
  /**
   * Iterates over a range of ids or times, oldest or newest first, without taking part in a group; with `follow`
   * it goes on with what is added. An entry that retention removes before the iteration gets to it does not come.
   *
   * Cost: an XRANGE for every 16 entries, in one script call a page; a follower has a connection of its own and
   * costs one blocking XREAD in five seconds while nothing is added.
   *
   * @throws PENKNIFE_INVALID for a wrong option, at once; the iteration throws the signal's reason, and what a
   * page met: it can go on with `after`, the id of the last entry that came. A follower waits out outages.
   */
  replay(options?: ReplayOptions): AsyncIterableIterator<Entry<T>>
  /** The entries a group gave up on, newest first: at most `count` (default 100). About 10,000 are kept. */
  deadLetters(group: string, options?: { readonly count?: number }): Promise<readonly DeadLetter[]>
  /** Handles the entries of a group together with every other worker of that group. */
  worker(group: string, handler: Handler<T>, options?: WorkerOptions): Worker
}
