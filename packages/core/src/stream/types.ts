import type { Duration } from '../duration.ts'
import type { Jsonified } from '../json.ts'
import type { StandardSchema } from '../standard-schema.ts'
import type { StreamGroup } from './groups.ts'
import type { StreamBound } from './ids.ts'
import type { StreamReplayOptions } from './replay.ts'
import type { StreamStatsOptions, StreamStats } from './stats.ts'

/**
 * What a stream keeps, and for whom.
 *
 * With `groups` alone it is a **work queue**: an entry is deleted as soon as every declared group finished it. Without
 * `groups`, or with `retain`, it is an **event log**: entries stay after they were handled, any group may come at any
 * time and read from where it likes, and the oldest go by `retain`, never one that an existing group has not finished.
 */
export interface StreamOptions<T = unknown, Out = T> {
  /**
   * The groups that handle every entry. They exist from the first `add` on, so that a worker started later misses
   * nothing. Default: none, an event log.
   */
  readonly groups?: readonly string[]
  /** Makes it an event log: what is kept of finished entries. Default, without groups: 10,000 entries. */
  readonly retain?: StreamRetention
  /**
   * Entries that some group has still to finish at which the stream is full: a whole number from 1. Retries and what
   * waits for its time do not count. Default: no limit.
   */
  readonly maxBacklog?: number
  /**
   * A Standard Schema (zod, valibot, arktype …). A payload that it refuses is refused by `add`; an entry that a worker
   * meets and it refuses goes to the dead letters. The stream holds what was added, handlers get the schema's output.
   */
  readonly schema?: StandardSchema<T, Out>
  /**
   * What an `add` waits for beyond its Redis having the entry in memory:
   *
   * - `'replicated'`: that `replicas` have it, too (WAIT). A failover to one of those keeps it; Redis does not promise
   *   that it chooses one of those.
   * - `'fsynced'`: that it is on the disk of its server, and of `replicas` (WAITAOF). Needs Redis 7.2 or Valkey 8 with
   *   `appendonly yes`; other servers are told apart before anything is written, and `add` fails with PENKNIFE_REJECTED.
   *
   * Adds then travel on a connection of their own, and those that are made while others wait go together: more latency
   * for each, hardly fewer a second. An add that is not confirmed within the deadline of `connect` (at most 5 s) fails with
   * PENKNIFE_NOT_DURABLE: the entry is there, and may be lost when its server is. Default: none of it.
   */
  readonly durability?: 'replicated' | 'fsynced'
  /** Replicas that must have it: 1 to 100. Default: 1 for 'replicated'; 0 for 'fsynced', where 0 is allowed. */
  readonly replicas?: number
  /** The W3C traceparent of the work under way, asked at each `add` that names none. */
  readonly traceparent?: () => string | undefined
}

/** Each limit that is given holds; an entry over any of them goes, once no group needs it any more. */
export interface StreamRetention {
  /** Newest entries to keep: a whole number from 1. Adds trim in steps of 64. */
  readonly entries?: number
  /** Memory of the stream as MEMORY USAGE estimates it, payloads and overhead: from 4,096. */
  readonly bytes?: number
  /** Entries older than this go with the next adds. */
  readonly age?: Duration
  /** True: entries go even if a group has not finished or seen them. Default: false. */
  readonly lossy?: boolean
}

export interface StreamAddOptions {
  /** A repeated add with the same key within `window` adds nothing and answers the first entry's id. */
  readonly key?: string
  /** How long `key` holds; that of a delayed entry holds until the entry is due, if that is longer. Default: 1 h. */
  readonly window?: Duration
  /** Groups handle the entry this much later. It is in the stream, and can be read, at once. */
  readonly delay?: Duration
  /** As `delay`, the time itself: a Date or milliseconds since 1970. */
  readonly at?: Date | number
  /** W3C traceparent, handed to the handler. One that is not well-formed is left out, as W3C asks. */
  readonly traceparent?: string
  /** What to do when `maxBacklog` is reached: fail with PENKNIFE_FULL, or wait for room. Default: 'reject'. */
  readonly whenFull?: 'reject' | 'wait'
  /** Ends the waiting for room: the add fails with the signal's reason, and nothing was added. */
  readonly signal?: AbortSignal
}

export interface StreamAddManyOptions<T> extends Omit<StreamAddOptions, 'key'> {
  /** The dedup key of each payload. */
  readonly key?: (payload: T, at: number) => string
}

/** An entry as it was added. */
export interface StreamEntry<T> {
  /** Redis' own id, `<ms>-<n>`, unique and rising within the stream. */
  readonly id: string
  readonly payload: T
  /** When Redis took it, milliseconds since 1970. */
  readonly addedAtMs: number
}

export interface StreamReadOptions {
  /** First id or time to read, inclusive; `'-'` is the oldest. Default: '-'. */
  readonly from?: StreamBound
  /** Last id or time to read, inclusive; `'+'` is the newest. Default: '+'. */
  readonly to?: StreamBound
  /** Entries at the most: 1 to 1,000. Default: 100. */
  readonly count?: number
  /** Newest first. Default: false. */
  readonly reverse?: boolean
}

/**
 * The right to end a delivery, as Redis checks it: consumer `consumer` has position `id` of the stream `key` in its
 * pending list of `group`. A position is handed out once, so the right ends for good when another takes the entry over.
 */
export interface StreamEntryLease {
  /** The stream's key, or that of the group's own stream for an entry that is handled again. */
  readonly key: string
  readonly group: string
  readonly consumer: string
  /** The position; at the first delivery the entry's own id. */
  readonly id: string
  /** Fencing token: rises by one with each delivery of the entry in its group, by whatever process. */
  readonly fence: number
}

/** An entry in a worker's hands, under a lease. */
export interface Delivery<T> extends StreamEntry<T> {
  /**
   * 1 at the first. An entry that was given back, or whose process died for the first time, comes again with the same:
   * `fence` tells its deliveries apart.
   */
  readonly attempt: number
  /** Fencing token for other stores: a later delivery of this entry has a higher one, the first has 1. Also in `lease`. */
  readonly fence: number
  /** What `add` was given, for the trace of the handler. */
  readonly traceparent: string | undefined
  readonly lease: StreamEntryLease
  /**
   * Aborted when the lease is lost, the attempt timed out or the worker must stop at once. However the handler ends then, it
   * neither finishes nor fails the entry.
   */
  readonly signal: AbortSignal
}

export type WorkerHandler<T> = (delivery: Delivery<T>) => unknown

/**
 * Handles several entries in one call. Resolving finishes all of them and throwing fails all of them. Resolving with a
 * list ends each entry by what stands at its place: an Error, a rejected promise or a rejected result of
 * Promise.allSettled fails it, anything else finishes it.
 */
export type WorkerBatchHandler<T> = (deliveries: readonly Delivery<T>[]) => unknown

export interface WorkerOptions {
  /** Entries (batches) handled at once by this worker: 1 to 1,000. Default: 10. */
  readonly concurrency?: number
  /** An entry whose worker gives no sign for this long goes to another, within ten seconds. Default: 30 s. */
  readonly lease?: Duration
  /**
   * An attempt that takes longer has failed: its signal aborts and its place is free. A handler that ignores its
   * signal goes on beside the next. Default: none.
   */
  readonly timeout?: Duration
  /** Wait before the second attempt; it doubles with each further one. Default: 1 s. */
  readonly retryDelay?: Duration
  /** The longest wait before an attempt. Default: 1 h. */
  readonly maxRetryDelay?: Duration
  /** How far the waits spread, so that what failed together does not come back together: 0 to 1 times more. Default: 0.2. */
  readonly retryJitter?: number
  /**
   * Attempts before an entry goes to the dead letters: 1 to 1,000. When a process dies nobody can tell which of the entries that
   * it had is at fault, and none uses up an attempt; they are then started one after another, and one uses up an attempt each time
   * that a process dies with it. Default: 5.
   */
  readonly maxAttempts?: number
  /** Where a group that is not there yet begins: at the oldest entry, at what comes from now on, or after an id. Default: 'oldest'. */
  readonly from?: 'oldest' | 'now' | (string & {})
}

export interface WorkerBatchOptions extends WorkerOptions {
  /** Entries that one call of the handler gets at the most: 1 to 1,000. It does not wait for more. Default: 100. */
  readonly batch?: number
}

/** Why an entry became a dead letter. */
export type DeadLetterKind =
  /** Its last attempt failed. */
  | 'failed'
  /** A handler threw NeverRetryError. */
  | 'never-retry'
  /**
   * Its payload is no JSON, or the schema refused it; no handler ran. With the id 0-0: something that penknife did not write
   * was among the delayed entries or those to be handled again.
   */
  | 'invalid'
  /** The processes that handled it vanished, as often as it has attempts. */
  | 'vanished'

/** Why a worker gave an entry back, for any worker of its group to handle. */
export type WorkerReturnReason =
  /** The worker closes, and no handler had the entry yet. */
  | 'closing'
  /** The worker closes, and the handler did not end by the deadline. */
  | 'unfinished'
  /** The group is paused. */
  | 'paused'
  /** The worker fetched more than its handlers take soon. */
  | 'busy'
  /** Its lease ended while Redis did not answer. */
  | 'expired'

/** An event of a delivery. Of the deliveries of an entry in its group, each later one has a higher `fence`. */
interface DeliveryEvent<Kind extends string> {
  readonly kind: Kind
  /** The entry's id. */
  readonly id: string
  readonly attempt: number
  readonly fence: number
}

/**
 * What happens to entries and to the worker. On the node:diagnostics_channel `penknife:worker` each also carries
 * `space`, `stream`, `group` and `consumer`.
 */
export type WorkerEvent =
  /** Its handler is called. */
  | DeliveryEvent<'started'>
  /** Finished, and Redis knows. */
  | DeliveryEvent<'done'>
  /** The attempt failed; 'retrying' or 'dead' follows when Redis knows. */
  | (DeliveryEvent<'failed'> & { readonly error: unknown })
  /** Waits in the group's retry path for its next attempt. */
  | (DeliveryEvent<'retrying'> & { readonly delayMs: number })
  /** It was added with a delay: it waits for its time. */
  | { readonly kind: 'delayed'; readonly id: string; readonly untilMs: number }
  /** In the dead letters. */
  | (DeliveryEvent<'dead'> & { readonly why: DeadLetterKind; readonly error: unknown })
  /** Another took it over: this worker changes nothing any more. */
  | DeliveryEvent<'lost'>
  /** Given back. It uses up no attempt, unless `why` is 'expired' and its handler had begun. */
  | (DeliveryEvent<'returned'> & { readonly why: WorkerReturnReason })
  /** This worker took it from one that gave no sign, for everyone to handle; `attempt` is how many it has used up: 0 at first. */
  | DeliveryEvent<'recovered'>
  /** Redis is away, was emptied, or refused something; the worker goes on by itself. */
  | { readonly kind: 'trouble'; readonly error: unknown }
  /** Fetching works again after trouble. */
  | { readonly kind: 'resumed' }
  /** The group was paused for all processes, or goes on. */
  | { readonly kind: 'paused' | 'unpaused' }

/** On the node:diagnostics_channel `penknife:stream`, each with its `space`: what `add` did, and what was found out. */
export type StreamEvent =
  | { readonly kind: 'added'; readonly stream: string; readonly id: string }
  /** An entry with its dedup key was there. */
  | { readonly kind: 'duplicate'; readonly stream: string; readonly id: string }
  /**
   * Another process declared it in another way before, such as an older version of the application. Reported once a
   * process. Each process goes by its own declaration; its groups are those of all, until they are dropped.
   */
  | {
      readonly kind: 'redeclared'
      readonly stream: string
      /** Such as `event log, groups search, retain entries 1000`. */
      readonly before: string
      readonly now: string
    }
  /** The backlog limit was reached; nothing was added, or the add waits. */
  | { readonly kind: 'full'; readonly stream: string }
  /**
   * A group has something to do, is not paused, and no worker of it gave a sign of life within 30 s; told once. Processes
   * that add look once a minute, and every `stats()` looks.
   */
  | {
      readonly kind: 'unserved'
      readonly stream: string
      readonly group: string
      /** Entries it has to handle, now or later. */
      readonly waiting: number
    }

export interface Worker {
  readonly group: string
  /** This worker's consumer name, unique to it. */
  readonly consumer: string
  on(listener: (event: WorkerEvent) => void): () => void
  /**
   * Stops fetching, gives back what was not started, and waits for the handlers at most `deadline` (default 10 s);
   * then aborts them and gives their entries back as well. What is given back uses up no attempt.
   */
  close(deadline?: Duration): Promise<void>
}

/** An entry that its group gave up on. */
export interface DeadLetter {
  /** The entry's id in the stream. */
  readonly id: string
  /** Its own id among the dead letters. */
  readonly position: string
  readonly group: string
  /** The payload as JSON text. */
  readonly json: string
  /** Attempts made. */
  readonly attempts: number
  readonly why: DeadLetterKind
  /** The error's message. */
  readonly reason: string
  readonly traceparent: string | undefined
  /** Milliseconds since 1970. */
  readonly diedAtMs: number
}

/** `T` is what `add` takes, `Out` what handlers get: the schema's output, or what arrives of a `T` that travels as JSON. */
export interface Stream<T, Out = Jsonified<T>> {
  readonly name: string
  /**
   * Appends an entry; resolves with its id once Redis has it.
   *
   * Cost: XADD, in a script call shared with the other adds of the same turn of the event loop; with `key` a GET and a
   * SET more; for each 64 adds to an event log a look whether something may go.
   *
   * @throws PENKNIFE_INVALID for a payload that the schema refuses, that JSON would change (NaN, a Map, an Error) or of more than 1 MiB;
   * PENKNIFE_FULL when `maxBacklog` is reached; PENKNIFE_NOT_DURABLE, see `durability`. An error with fate `unknown` leaves open whether the entry is there:
   * with a `key`, the add can be repeated.
   */
  add(payload: T, options?: StreamAddOptions): Promise<string>
  /**
   * Appends entries in order, in as few script calls as their sizes allow; resolves with their ids. It is not all or
   * nothing: an error says how many were added, and with `key` the whole call can be repeated.
   */
  addMany(payloads: readonly T[], options?: StreamAddManyOptions<T>): Promise<readonly string[]>
  /**
   * Reads entries without taking part in a group: one script call. It ends after 8 MiB, for more there is `replay`.
   */
  read(options?: StreamReadOptions): Promise<readonly StreamEntry<Jsonified<T>>[]>
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
  replay(options?: StreamReplayOptions): AsyncIterableIterator<StreamEntry<Jsonified<T>>>
  /**
   * How much there is, and what each group has still to do: numbers, whatever Redis itself does not know. Two script
   * calls, and for the rates a second look, unless this process looked before.
   */
  stats(options?: StreamStatsOptions): Promise<StreamStats>
  /** A group, to look into its dead letters, pause, reset or drop it. Costs nothing by itself. */
  group(name: string): StreamGroup
  /** Handles the entries of a group together with every other worker of that group. */
  worker(group: string, handler: WorkerHandler<Out>, options?: WorkerOptions): Worker
  /** As `worker`, with several entries to a call. */
  batchWorker(group: string, handler: WorkerBatchHandler<Out>, options?: WorkerBatchOptions): Worker
}
