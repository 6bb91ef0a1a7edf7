import type { Duration } from '../duration.ts'
import type { StandardSchema } from '../standard-schema.ts'
import type { StreamKeepOptions } from './entry-state-types.ts'
import type { StreamTagLimits, StreamTags } from './tag-types.ts'

/**
 * Options of `createStream`.
 *
 * With `groups` alone a stream is a **work queue**: an entry is deleted as soon as every declared group has finished it. Without
 * `groups`, or with `retain`, it is an **event log**. Entries of a log stay after they were handled. Any group may start at any time
 * and at any entry. The oldest entries are deleted by `retain`, but never one that an existing group has not finished.
 */
export interface StreamOptions<T = unknown, Out = T> {
  /**
   * The groups that handle every entry. They exist from the first `add` on, so a worker that starts later misses nothing.
   * Default: none, an event log.
   */
  readonly groups?: readonly string[] | undefined
  /** Makes the stream an event log and limits which finished entries it keeps. Default, without groups: 10,000 entries. */
  readonly retain?: StreamRetention | undefined
  /**
   * Handles the entries of a key one after the other, in the order in which they were added, also through retries and crashes.
   * `'key'`: the key is the option `key` of `add`. An entry without a key is handled at any time. Needs `groups` with one group and no
   * `retain`. Default: no order.
   *
   * Cost: a few more commands in the scripts that add and finish an entry with a key. A key without entries needs no memory.
   */
  readonly order?: 'key' | StreamOrderOptions | undefined
  /**
   * The stream is full when the slowest group has this many entries to finish: a whole number from 1. Retries and delayed entries
   * that workers have set aside do not count. Default: no limit.
   */
  readonly maxBacklog?: number | undefined
  /**
   * A Standard Schema (zod, valibot, arktype …). `add` refuses an invalid payload; a worker moves an invalid entry to the dead
   * letters. The stream stores the payload as it was added; handlers get the schema's output. An async schema that takes longer than 30 s has
   * refused the payload.
   */
  readonly schema?: StandardSchema<T, Out> | undefined
  /**
   * Which dead letters every group keeps. The oldest beyond that are deleted when one is added, and every ten seconds while the group has
   * a worker; some 5,000 each time.
   * Default: all of them, until they are requeued or purged.
   */
  readonly deadLetters?: StreamDeadLetterOptions | undefined
  /** How long the ids given to `add` are remembered. */
  readonly dedup?: StreamDedupOptions | undefined
  /**
   * What `add` waits for after Redis has the entry in memory:
   *
   * - `'replicated'`: until `replicas` have the entry (WAIT). A failover to one of those keeps it. Redis does not promise to
   *   choose one of those.
   * - `'fsynced'`: until the entry is on the disk of its server, and of `replicas` (WAITAOF). Needs Redis 7.2 or Valkey 8 with
   *   `appendonly yes`. On another server `add` writes nothing and fails with PENKNIFE_REJECTED.
   *
   * Such adds use a connection of their own. Adds that are made while others wait are batched: each add takes longer, but hardly
   * fewer are added per second. An add that is not confirmed within the deadline of `connect` (at most 5 s) fails with
   * PENKNIFE_NOT_DURABLE. Its entry is in the stream, and may be lost if its server is lost. Default: no wait.
   */
  readonly durability?: 'replicated' | 'fsynced' | undefined
  /** Replicas that must have the entry: 1 to 100. Default: 1 for 'replicated'; 0 for 'fsynced', which also allows 0. */
  readonly replicas?: number | undefined
  /**
   * The tags of an entry, by which `tagged` finds it: `(order) => ({ user: order.user })`. Called with each payload that is added, before
   * anything is written; an add fails with PENKNIFE_INVALID when it throws or returns something else. It must not be async. The tags are
   * stored by the script that adds the entry, and stay as they are when the entry is requeued with another payload. Default: no tags, at
   * no cost.
   */
  readonly tags?: ((payload: T) => StreamTags) | undefined
  /** Limits of the tags that Redis keeps. Without `tags` it has no effect. */
  readonly tagged?: StreamTagLimits | undefined
  /** Returns the W3C traceparent of the current work. Called at each `add` without a `traceparent` option. */
  readonly traceparent?: () => string | undefined
}

/** How entries of a key are handled. */
export interface StreamOrderOptions {
  /** The field of the payload that is the key, a text or number; every entry must have it. Default: the option `key` of `add`. */
  readonly field?: string | undefined
  /** Entries of a key that are handled at once: 1 to 100. Above 1 they only start in order. Default: 1. */
  readonly limit?: number | undefined
  /**
   * After a dead letter the key goes on with its next entry (`'continue'`), or stops until the dead letter is requeued or purged
   * (`'stop'`, with a limit of 1). Default: 'continue'.
   */
  readonly afterDead?: 'continue' | 'stop' | undefined
}

/** Limits of an event log. An entry beyond any of them is deleted, once no group needs it any more. */
export interface StreamRetention {
  /** How many of the newest entries to keep: a whole number from 1. Adds trim in steps of 64. */
  readonly entries?: number | undefined
  /** Bytes of memory, payloads and overhead, as MEMORY USAGE estimates them: from 4,096. */
  readonly bytes?: number | undefined
  /** The next adds delete entries older than this. */
  readonly age?: Duration | undefined
  /** True: entries are deleted even if a group has not finished or read them. Default: false. */
  readonly lossy?: boolean | undefined
}

/** Limits of the dead letters of a group. One beyond either is deleted. */
export interface StreamDeadLetterOptions {
  /** How many of the newest to keep: a whole number from 1. Default: no limit. */
  readonly entries?: number | undefined
  /** Dead letters older than this are deleted: from 1 s. Default: no limit. */
  readonly age?: Duration | undefined
}

export interface StreamDedupOptions {
  /**
   * `'finished'`: until its entry is done, a dead letter, cancelled or cleared. Then the same id adds another entry. Only in a work queue with
   * one group. Default: for the time `window`, whatever becomes of the entry.
   */
  readonly until?: 'finished' | undefined
  /**
   * How long an id is remembered: from 1 ms. The id of a delayed entry is remembered at least until the entry is due. With `until` it is
   * the longest time, for entries that were deleted by hand, and begins when the entry is due. Default: 1 h; with `until` 7 days.
   */
  readonly window?: Duration | undefined
}

export interface StreamAddOptions {
  /**
   * Dedup id, 1 to 512 characters. A second add with the same id within `dedup.window` adds nothing and resolves with the id of
   * the first entry, even if that has ended or was cancelled.
   */
  readonly id?: string | undefined
  /** The key, see `order`: 1 to 256 characters, without control characters. */
  readonly key?: string | undefined
  /** Groups handle the entry this much later. It can be read at once. */
  readonly delay?: Duration | undefined
  /** The time itself instead of `delay`: a Date or milliseconds since 1970, less than 10^15 (year 33658). */
  readonly at?: Date | number | undefined
  /** Attempts before this entry goes to the dead letters: 1 to 1,000. Default: the worker's `maxAttempts`. */
  readonly attempts?: number | undefined
  /**
   * Wait before the second attempt of this entry. It doubles with each further attempt, up to the longer of `backoff` and the worker's
   * `maxRetryDelay`. Default: the worker's `retryDelay`.
   */
  readonly backoff?: Duration | undefined
  /** How long an attempt of this entry may take; `false`: any time. Default: the worker's `timeout`. */
  readonly timeout?: Duration | false | undefined
  /**
   * Keeps how this entry ends, with its handler's result, for that long after its end, so that `stream.result` gets it; and lets its handler
   * report progress. A result has at most 256 KiB as JSON. Only in a work queue with one group. Default: nothing is kept.
   */
  readonly result?: StreamKeepOptions | undefined
  /**
   * `high`: passes the entries that wait. While both have a backlog, workers take equally many high entries, with retries and due entries, as
   * others. With `delay` or `at` it passes them once it is due; without a priority a due entry also waits for those added before it. `low`: waits
   * while other entries wait; about one in 16 entries that a worker fetches then is a low one. It stays low through delays and retries. Only in a
   * work queue with one group and without order by key. `stream.read` does not list such entries. Default: `normal`.
   */
  readonly priority?: 'high' | 'normal' | 'low' | undefined
  /**
   * With `id` and a time: while the entry of this id waits for its time, this add gives it another payload, time and other options, and
   * resolves with its id. So of many adds in a row one entry is handled, with what the last one gave (debounce). Later an add makes a new
   * entry. Only in a work queue with one group and without order by key. `dedup` does not apply to it, and `stream.read` does not list it.
   * Default: false.
   */
  readonly replace?: boolean | undefined
  /** W3C traceparent for the handler. A malformed one is dropped, as the W3C specification asks. */
  readonly traceparent?: string | undefined
  /** At `maxBacklog`: 'reject' fails with PENKNIFE_FULL, 'wait' waits for room. Default: 'reject'. */
  readonly whenFull?: 'reject' | 'wait' | undefined
  /** Ends the wait for room. The add then fails with the signal's reason, and nothing was added. */
  readonly signal?: AbortSignal | undefined
}

/** Options of `adding`, as of `add`. */
export type StreamAddingOptions = Pick<
  StreamAddOptions,
  'key' | 'delay' | 'at' | 'attempts' | 'backoff' | 'timeout' | 'result' | 'traceparent'
>

export interface StreamAddManyOptions<T> extends Omit<StreamAddOptions, 'id' | 'key'> {
  /** Returns the key of each payload; `at` is its index. */
  readonly key?: ((payload: T, at: number) => string) | undefined
  /** Returns the dedup id of each payload; `at` is its index. */
  readonly id?: ((payload: T, at: number) => string) | undefined
}
