import type { Duration } from '../duration.ts'
import type { Jsonified } from '../json.ts'
import type { Effect } from '../record/effect.ts'
import type { CommitAnswer, RecordResults } from '../record/types.ts'
import type { StandardSchema } from '../standard-schema.ts'
import type { StreamGroup } from './groups.ts'
import type { StreamBound } from './ids.ts'
import type { StreamReplayOptions } from './replay.ts'
import type { StreamStatsOptions, StreamStats } from './stats.ts'

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
  readonly groups?: readonly string[]
  /** Makes the stream an event log and limits which finished entries it keeps. Default, without groups: 10,000 entries. */
  readonly retain?: StreamRetention
  /**
   * The stream is full when the slowest group has this many entries to finish: a whole number from 1. Retries and delayed entries
   * that workers have set aside do not count. Default: no limit.
   */
  readonly maxBacklog?: number
  /**
   * A Standard Schema (zod, valibot, arktype …). `add` refuses an invalid payload; a worker moves an invalid entry to the dead
   * letters. The stream stores the payload as it was added; handlers get the schema's output.
   */
  readonly schema?: StandardSchema<T, Out>
  /** How long the ids given to `add` are remembered. */
  readonly dedup?: StreamDedupOptions
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
  readonly durability?: 'replicated' | 'fsynced'
  /** Replicas that must have the entry: 1 to 100. Default: 1 for 'replicated'; 0 for 'fsynced', which also allows 0. */
  readonly replicas?: number
  /** Returns the W3C traceparent of the current work. Called at each `add` without a `traceparent` option. */
  readonly traceparent?: () => string | undefined
}

/** Limits of an event log. An entry beyond any of them is deleted, once no group needs it any more. */
export interface StreamRetention {
  /** How many of the newest entries to keep: a whole number from 1. Adds trim in steps of 64. */
  readonly entries?: number
  /** Bytes of memory, payloads and overhead, as MEMORY USAGE estimates them: from 4,096. */
  readonly bytes?: number
  /** The next adds delete entries older than this. */
  readonly age?: Duration
  /** True: entries are deleted even if a group has not finished or read them. Default: false. */
  readonly lossy?: boolean
}

export interface StreamDedupOptions {
  /** How long an id is remembered: from 1 ms. The id of a delayed entry is remembered at least until the entry is due. Default: 1 h. */
  readonly window?: Duration
}

export interface StreamAddOptions {
  /**
   * Dedup id, 1 to 512 characters. A second add with the same id within `dedup.window` adds nothing and resolves with the id of
   * the first entry.
   */
  readonly id?: string
  /** Groups handle the entry this much later. It can be read at once. */
  readonly delay?: Duration
  /** The time itself instead of `delay`: a Date or milliseconds since 1970. */
  readonly at?: Date | number
  /** W3C traceparent for the handler. A malformed one is dropped, as the W3C specification asks. */
  readonly traceparent?: string
  /** At `maxBacklog`: 'reject' fails with PENKNIFE_FULL, 'wait' waits for room. Default: 'reject'. */
  readonly whenFull?: 'reject' | 'wait'
  /** Ends the wait for room. The add then fails with the signal's reason, and nothing was added. */
  readonly signal?: AbortSignal
}

/** Options of `adding`, as of `add`. */
export type StreamAddingOptions = Pick<StreamAddOptions, 'delay' | 'at' | 'traceparent'>

export interface StreamAddManyOptions<T> extends Omit<StreamAddOptions, 'id'> {
  /** Returns the dedup id of each payload; `at` is its index. */
  readonly id?: (payload: T, at: number) => string
}

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
  readonly from?: StreamBound
  /** The newest id or time of the range, inclusive; `'+'` is the newest entry. Default: '+'. */
  readonly to?: StreamBound
  /** Most entries of a page: 1 to 1,000. Default: 100. */
  readonly limit?: number
  /** `next` of the page before. Default: the first page. */
  readonly after?: string
  /** Newest first. Default: false. */
  readonly reverse?: boolean
}

/** A page of a list. */
export interface StreamPage<Item> {
  readonly items: readonly Item[]
  /** Give it as `after` to get the next page. Undefined after the last page. */
  readonly next: string | undefined
}

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
  /** The traceparent given to `add`. */
  readonly traceparent: string | undefined
  readonly lease: StreamEntryLease
  /**
   * Aborted when the lease is lost, the attempt timed out or the worker must stop at once. The handler's result is then ignored: it
   * neither finishes nor fails the entry.
   */
  readonly signal: AbortSignal
  /**
   * Finishes the entry and makes changes in its space in one step, fenced: only while this worker has the lease. So the changes are made
   * once in the group, however often the handler runs. When it resolved with `ok: true`, the entry is done, whatever the handler returns or
   * throws. A refused commit changes nothing, and the handler decides what to do. The effects are those of `record`.
   *
   * While Redis is away the commit is sent again until the lease ends. When the memory of Redis is full, it fails with
   * PENKNIFE_UNAVAILABLE. If the handler throws then, no attempt is used up: the worker pauses for a second, and the entry is handled again.
   *
   * Cost: one script call, which commits of a tick with effects on the same objects share.
   *
   * @throws PENKNIFE_INVALID for wrong effects; the errors of outages once the lease has ended.
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

export interface WorkerOptions {
  /** Entries (or batches) that this worker handles at once: 1 to 1,000. Default: 10. */
  readonly concurrency?: number
  /** Other workers take over the entries of a worker that did not renew them for this long, within ten seconds: 100 ms to 1 d. Default: 30 s. */
  readonly lease?: Duration
  /**
   * An attempt that takes longer has failed: its signal aborts, and the next entry starts. A handler that ignores the signal runs on
   * beside it. Default: none.
   */
  readonly timeout?: Duration
  /** Wait before the second attempt. It doubles with each further attempt. Default: 1 s. */
  readonly retryDelay?: Duration
  /** The longest wait before an attempt, at least `retryDelay`. Default: the longer of `retryDelay` and 1 h. */
  readonly maxRetryDelay?: Duration
  /** Random addition to the wait, 0 to 1 times the wait, so that entries that failed together are not retried together. Default: 0.2. */
  readonly retryJitter?: number
  /**
   * Attempts before an entry goes to the dead letters: 1 to 1,000. When a process dies, none of its entries uses up an attempt,
   * because the entry at fault is not known. Workers then start those entries one after another, and an entry uses up an attempt each
   * time that a process dies with it. Default: 5.
   */
  readonly maxAttempts?: number
  /** Where a group that does not exist yet begins: at the oldest entry, at entries added from now on, or after an id. Default: 'oldest'. */
  readonly from?: 'oldest' | 'now' | (string & {})
}

export interface WorkerBatchOptions extends WorkerOptions {
  /** Most entries of one call: 1 to 1,000. A call does not wait for more entries. Default: 100. */
  readonly batch?: number
}

/** Why an entry became a dead letter. */
export type DeadLetterKind =
  /** Its last attempt failed. */
  | 'failed'
  /** A handler threw NeverRetryError. */
  | 'never-retry'
  /**
   * Its payload is not JSON, or the schema refused it; no handler ran. A letter with the id 0-0 was not written by penknife: it was
   * among the delayed entries or the retries.
   */
  | 'invalid'
  /** Its last attempt was used up by a process that died or lost the lease. */
  | 'vanished'

/** Why a worker gave an entry back to its group. */
export type WorkerReturnReason =
  /** The worker closes, and the entry was not started. */
  | 'closing'
  /** The worker closes, and the handler did not end by the deadline. */
  | 'unfinished'
  /** The group is paused. */
  | 'paused'
  /** The worker fetched more entries than it can start soon. */
  | 'busy'
  /** The memory of Redis is full, so the handler could not commit. It is handled again a second later. */
  | 'full'
  /** Its lease ended while Redis did not reply. */
  | 'expired'

/** Identifies a worker in its events. */
export interface WorkerIdentity {
  readonly space: string
  /** The stream's name. */
  readonly name: string
  readonly group: string
  /** The worker's consumer name. */
  readonly consumer: string
}

/** An event of a delivery. Each later delivery of an entry in its group has a higher `fence`. */
interface DeliveryEvent<Kind extends string> {
  readonly kind: Kind
  /** The entry's id. */
  readonly id: string
  readonly attempt: number
  readonly fence: number
}

/** The kinds of events of a worker, without the fields that all have. */
export type WorkerEventDetails =
  /** Its handler is called. */
  | DeliveryEvent<'started'>
  /** Its handler succeeded, and Redis has stored that. */
  | DeliveryEvent<'done'>
  /** The attempt failed. 'retrying' or 'dead' follows when Redis has stored that. */
  | (DeliveryEvent<'failed'> & { readonly error: unknown })
  /** It waits for its next attempt. */
  | (DeliveryEvent<'retrying'> & { readonly delayMs: number })
  /** It was added with a delay and waits until that time. */
  | { readonly kind: 'delayed'; readonly id: string; readonly untilMs: number }
  /** It is in the dead letters. */
  | (DeliveryEvent<'dead'> & { readonly why: DeadLetterKind; readonly error: unknown })
  /** Another worker took it over, or its lease ended while Redis was away. The result of this delivery is ignored. */
  | DeliveryEvent<'lost'>
  /** Given back to the group. It uses up no attempt, unless `why` is 'expired' and its handler had started. */
  | (DeliveryEvent<'returned'> & { readonly why: WorkerReturnReason })
  /** This worker gave it back to the group, because the lease of another worker ended. `attempt`: attempts used up so far, 0 at first. */
  | DeliveryEvent<'recovered'>
  /** Redis is away, was emptied, or refused a call. The worker tries again by itself. */
  | { readonly kind: 'trouble'; readonly error: unknown }
  /** The worker fetches entries again after trouble. */
  | { readonly kind: 'resumed' }
  /** The group was paused or resumed, for all processes. */
  | { readonly kind: 'paused' | 'unpaused' }

/** What happens to entries and to the worker. Also sent to the node:diagnostics_channel `penknife:worker`. */
export type WorkerEvent = WorkerIdentity & WorkerEventDetails

/** What happens to a stream in this process. Also sent to the node:diagnostics_channel `penknife:stream`. */
export type StreamEvent = {
  readonly space: string
  /** The stream's name. */
  readonly name: string
} & (
  | { readonly kind: 'added'; readonly id: string }
  /** An entry with this dedup id was added before; `id` is the id of that entry. */
  | { readonly kind: 'duplicate'; readonly id: string }
  /**
   * Another process, such as an older version of the application, declared the stream differently. Reported once a process. Each
   * process applies its own declaration. The stream has the groups of all processes, until they are dropped.
   */
  | {
      readonly kind: 'redeclared'
      /** Such as `event log, groups search, retain entries 1000`. */
      readonly before: string
      readonly now: string
    }
  /** The stream has reached `maxBacklog`. The add fails or waits. */
  | { readonly kind: 'full' }
  /**
   * A group that is not paused has entries to handle, and none of its workers sent a command within 30 s. Reported once. Processes
   * that add check this once a minute, and every call of `stats()` checks it.
   */
  | {
      readonly kind: 'unserved'
      readonly group: string
      /** Waiting, running and delayed entries of the group. */
      readonly entries: number
    }
)

export interface WorkerCloseOptions {
  /** How long to wait for handlers before their signals abort. Default: 10 s. */
  readonly deadline?: Duration
}

export interface Worker {
  readonly group: string
  /** The consumer name of this worker, which is unique. */
  readonly consumer: string
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

/** An entry that its group gave up on. */
export interface DeadLetter {
  /** The entry's id in the stream. */
  readonly id: string
  /** The id of the dead letter. */
  readonly position: string
  readonly group: string
  /** The payload as JSON text. */
  readonly json: string
  /** Attempts that were used up. */
  readonly attempts: number
  readonly why: DeadLetterKind
  /** The message of the last error. */
  readonly reason: string
  /** The traceparent given to `add`. */
  readonly traceparent: string | undefined
  /** When it became a dead letter, in milliseconds since 1970. */
  readonly diedAtMs: number
}

/** `T` is the type that `add` takes. `Out` is the type that handlers get: the schema's output, or `T` after JSON. */
export interface Stream<T, Out = Jsonified<T>> {
  readonly name: string
  /** Adds a listener; the returned function removes it. */
  on(listener: (event: StreamEvent) => void): () => void
  /**
   * Appends an entry; resolves with its id once Redis has it.
   *
   * Cost: one XADD, in a script call shared with the other adds of the same tick. With `id` also a GET and a SET. Every 64 adds to an
   * event log also check whether entries can be deleted.
   *
   * @throws PENKNIFE_INVALID for a payload that the schema refuses, that JSON would change (NaN, a Map, an Error) or that has more
   * than 1 MiB; PENKNIFE_FULL at `maxBacklog`; PENKNIFE_NOT_DURABLE, see `durability`. After an error with fate `unknown` the entry
   * may have been added: with an `id` you can repeat the add.
   */
  add(payload: T, options?: StreamAddOptions): Promise<string>
  /**
   * Appends entries in order, in as few script calls as their sizes allow; resolves with their ids. It is not all or nothing: an
   * error says how many were added. With `id` you can repeat the whole call.
   */
  addMany(payloads: readonly T[], options?: StreamAddManyOptions<T>): Promise<readonly string[]>
  /** The effect of adding an entry, for `record` and `commit`. Its result is the entry's id. */
  adding(payload: T, options?: StreamAddingOptions): Effect<string>
  /**
   * Reads a page of entries, without a group. A page ends after 8 MiB. One script call.
   */
  read(options?: StreamReadOptions): Promise<StreamPage<StreamEntry<Jsonified<T>>>>
  /**
   * Iterates over a range of ids or times, oldest or newest first, without a group. With `follow` it continues with new entries.
   * It skips entries that `retain` deletes before it reaches them.
   *
   * Cost: an XRANGE for every 16 entries, in one script call a page. With `follow` it has a connection of its own, and one blocking
   * XREAD in five seconds while nothing is added.
   *
   * @throws PENKNIFE_INVALID for a wrong option, at once. The iteration throws the signal's reason, or the error of a page: continue
   * with `after`, the id of the last entry. With `follow` it continues by itself after an outage.
   */
  replay(options?: StreamReplayOptions): AsyncIterableIterator<StreamEntry<Jsonified<T>>>
  /**
   * Counts the entries of the stream and, by state, of each group. Two script calls. Rates need two more and the time `over`, unless
   * this process called `stats` before.
   */
  stats(options?: StreamStatsOptions): Promise<StreamStats>
  /** A group, to read its dead letters and to pause, reset or drop it. Sends no command by itself. */
  group(name: string): StreamGroup
  /** Starts a worker. It handles the entries of a group together with every other worker of that group. */
  worker(group: string, handler: WorkerHandler<Out>, options?: WorkerOptions): Worker
  /** Starts a worker whose handler gets several entries in a call. */
  batchWorker(group: string, handler: WorkerBatchHandler<Out>, options?: WorkerBatchOptions): Worker
}
