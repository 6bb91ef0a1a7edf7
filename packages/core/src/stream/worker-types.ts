import type { Duration } from '../duration.ts'
import type { Effect } from '../record/effect.ts'
import type { CommitAnswer, RecordResults } from '../record/types.ts'
import type { WorkerConnection } from '../redis/penknife.ts'
import type { StreamEntry } from './entry-types.ts'
import type { WorkerEvent } from './event-types.ts'
import type { WorkerLimitOptions } from './limit-types.ts'

/**
 * A worker's lease of an entry, as Redis stores it: position `id` of the stream `key` is in the pending list of `consumer` in
 * `group`. A position is delivered once, so the lease ends for good when another worker takes the entry over.
 */
export interface StreamEntryLease {
  /** The key of the stream, or of the group's own stream for an entry that is handled again. */
  readonly key: string
  readonly group: string
  readonly consumer: string
  /** The position. At the first delivery it is the entry's id. */
  readonly id: string
  /** Fencing token: rises by one with each delivery of the entry in its group, in all processes. */
  readonly fence: number
}

/** An entry under a worker's lease, as its handler gets it. */
export interface Delivery<T> extends StreamEntry<T> {
  /**
   * 1 at first. An entry that was given back, or whose process died for the first time, is delivered again with the same
   * `attempt` and a higher `fence`.
   */
  readonly attempt: number
  /** Fencing token for other stores, also in `lease`: 1 at the first delivery of this entry, higher at each later one. */
  readonly fence: number
  /** The key, of an entry that has one: see `order` of `createStream`. */
  readonly key: string | undefined
  /** The traceparent given to `add`. */
  readonly traceparent: string | undefined
  readonly lease: StreamEntryLease
  /**
   * Aborted when the lease is lost, the attempt timed out or the worker must stop at once. The handler's result is then ignored: it
   * neither finishes nor fails the entry.
   */
  readonly signal: AbortSignal
  /**
   * From now on this attempt may take at least that long: 1 ms to 24 d. It never shortens the time that is left. Call it again as often as
   * needed. In a batch it extends the call of all its entries. False when the attempt is over: after its `timeout`, when its lease was
   * lost, and when the entry was cancelled or set aside. It sends nothing to Redis: the lease is renewed anyway.
   *
   * @throws PENKNIFE_INVALID for a wrong duration.
   */
  extend(duration: Duration): boolean
  /**
   * Reports the progress of an entry that was added with `result`, to those that wait in `stream.result` and in `stream.find`. Resolves with
   * whether it was stored: false for an entry without `result`, and when the lease was lost. The last value is kept. One script call, shared
   * with others of the same tick.
   *
   * @throws PENKNIFE_INVALID for a value that JSON would change, or of more than 16 KiB; the errors of outages.
   */
  progress(value: unknown): Promise<boolean>
  /**
   * Appends text to the output of an entry that was added with `result`, such as the tokens of a language model. Those that wait in
   * `stream.result` with `onOutput` get it at once, others later from Redis. Resolves with whether it was stored: false for an entry without
   * `result`, and when the lease was lost. Another delivery of the entry begins its output anew. The output is kept for `keep` and the
   * handler's time limit (without one, a day) after the last write. One script call, shared with others of the same tick.
   *
   * @throws PENKNIFE_INVALID for more than 64 KiB at once or 1 MiB in all; the errors of outages.
   */
  write(text: string): Promise<boolean>
  /**
   * Another service refused a call because of its limit, such as with a 429. All workers of the group, in all processes, start nothing for
   * that long, and this entry is handled again after it; that uses up no attempt. What the handler does afterwards is ignored, so return.
   * A worker that gets no message notices within ten seconds. Resolves once Redis has the pause. 0 to 24 d. After the
   * handler's time is over it does nothing.
   *
   * @throws PENKNIFE_INVALID for a wrong duration; the errors of outages: the entry then runs on.
   */
  limited(retryAfter: Duration): Promise<void>
  /**
   * Finishes the entry and makes changes in its space in one step, if this worker still has the lease. So the changes are made once in
   * the group, however often the handler runs. The effects are those of `record`.
   *
   * With `ok: true` the entry is done, whatever the handler returns or throws. A refused commit changes nothing, and the handler decides
   * what to do. While Redis is away, the commit is sent again until the lease ends. When the memory of Redis is full, it fails with
   * PENKNIFE_UNAVAILABLE. If the handler throws then, no attempt is used up: the worker pauses for a second, and the entry is handled again.
   *
   * Cost: one script call, which commits of a tick with effects on the same objects share.
   *
   * @throws PENKNIFE_INVALID for wrong effects, and for a second commit with other ones; the errors of outages once the lease has ended.
   */
  commit<const Effects extends readonly Effect[]>(
    ...effects: Effects
  ): Promise<CommitAnswer<RecordResults<Effects>>>
}

export type WorkerHandler<T> = (delivery: Delivery<T>) => unknown

/**
 * Handles several entries in one call. If it throws, all entries fail. If it resolves with a list, an Error, a rejected promise or a
 * rejected result of Promise.allSettled fails the entry at its index, and any other value finishes it. Any other result finishes all
 * entries.
 */
export type WorkerBatchHandler<T> = (deliveries: readonly Delivery<T>[]) => unknown

export interface WorkerOptions<T = unknown> {
  /** Entries (or batches) that this worker handles at once: 1 to 1,000. Default: 10. */
  readonly concurrency?: number | undefined
  /** Other workers take over the entries of a worker that did not renew them for this long, within ten seconds: 100 ms to 1 d. Default: 30 s. */
  readonly lease?: Duration | undefined
  /**
   * An attempt that takes longer has failed: its signal aborts with a `TimeoutError`, and the next entry starts. A handler that ignores
   * the signal runs on beside it, and what it returns is ignored. `false`: no limit. A handler that needs longer calls
   * `delivery.extend`; one entry has its own limit with `add(payload, { timeout })`. Default: 30 min.
   */
  readonly timeout?: Duration | false | undefined
  /** Wait before the second attempt. It doubles with each further attempt. Default: 1 s. */
  readonly retryDelay?: Duration | undefined
  /** The longest wait before an attempt, at least `retryDelay`. Default: the longer of `retryDelay` and 1 h. */
  readonly maxRetryDelay?: Duration | undefined
  /** Random addition to the wait, 0 to 1 times the wait, so that entries that failed together are not retried together. Default: 0.2. */
  readonly retryJitter?: number | undefined
  /**
   * Attempts before an entry goes to the dead letters: 1 to 1,000. When a process dies, none of its entries uses up an attempt,
   * because the entry at fault is not known. Workers then start those entries one after another, and an entry uses up an attempt each
   * time that a process dies with it. An outage of Redis that is longer than the lease uses up an attempt of running entries. Default: 5.
   */
  readonly maxAttempts?: number | undefined
  /**
   * Decides after a failed attempt, unless it was the last one or a NeverRetryError: the wait before the next attempt, `false` for
   * none (the entry goes to the dead letters, `why` is 'never-retry'), or undefined for the usual wait. A wait that it returns is used
   * as it is, without jitter and above `maxRetryDelay`. If it throws, the usual wait is used. Default: the usual wait, which is that of
   * a RetryAfterError, or `retryDelay` and so on.
   */
  readonly retry?: (error: unknown, attempt: number) => Duration | false | undefined
  /**
   * Takes a token of a rate limiter before an entry starts. A denied entry is set aside in Redis until it may be allowed: it uses up neither
   * an attempt nor a place, and entries of other subjects go on. A worker that crashes between the two loses tokens, never the entry. With a
   * concurrency rule the entry has its slots until it ends, so the rule limits all processes together. Default: no limit.
   */
  readonly limit?: WorkerLimitOptions<T> | undefined
  /** Where a group that does not exist yet begins: at the oldest entry, at entries added from now on, or after an id. Default: 'oldest'. */
  readonly from?: 'oldest' | 'now' | (string & {}) | undefined
  /**
   * Over which connections it gets its entries.
   *
   * - `'own'`: one of its own, on which Redis delivers an entry as soon as it is added.
   * - `'shared'`: the process's connection for commands, and one that waits for the entries of all such workers; on a cluster one for
   *   each space in use. For processes with many workers. An entry that is added while the worker is idle takes a round trip more, and
   *   every idle process of the group asks for it.
   *
   * Default: `workerConnection` of `connect`, which is 'own'.
   */
  readonly connection?: WorkerConnection | undefined
}

export interface WorkerBatchOptions<T = unknown> extends WorkerOptions<T> {
  /** Most entries of one call: 1 to 1,000. A call does not wait for more entries. Default: 100. */
  readonly batch?: number | undefined
}

export interface WorkerCloseOptions {
  /** How long to wait for handlers before their signals abort. Default: 10 s. */
  readonly deadline?: Duration | undefined
}

export interface Worker {
  readonly group: string
  /** The consumer name of this worker, which is unique. */
  readonly consumer: string
  /** Entries (or batches) that this worker handles at once. */
  readonly concurrency: number
  /**
   * Changes `concurrency`, 1 to 1,000, while the worker runs. Running handlers go on; with fewer places the next entry starts when
   * enough of them have ended. It lasts until the worker closes.
   */
  setConcurrency(concurrency: number): void
  /** Whether this worker is paused. A pause of its group is not meant. */
  readonly paused: boolean
  /**
   * Stops this worker and no other, until `resume`: it fetches no more entries, and gives back those that were not started. Running
   * handlers go on, and their leases are renewed. Resolves when none runs any more. An entry that arrives just then is given back.
   */
  pause(): Promise<void>
  /** Ends a pause of this worker. */
  resume(): void
  /** Adds a listener; the returned function removes it. */
  on(listener: (event: WorkerEvent) => void): () => void
  /**
   * Stops the worker: fetches no more entries, gives back those that were not started, and waits for the handlers up to the deadline.
   * Then it aborts their signals and gives their entries back too. This uses up no attempt. Never rejects, except for a wrong option.
   */
  close(options?: WorkerCloseOptions): Promise<void>
  /** Calls `close()`. */
  [Symbol.asyncDispose](): Promise<void>
}
