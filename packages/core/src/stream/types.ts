import type { Jsonified } from '../json.ts'
import type { Effect } from '../record/effect.ts'
import type { CommitAnswer, RecordResults } from '../record/types.ts'
import type { StreamPage, StreamReadOptions, StreamEntry, StreamReplayOptions } from './entry-types.ts'
import type {
  StreamEntryChange,
  StreamEntryState,
  StreamResult,
  StreamResultOptions,
} from './entry-state-types.ts'
import type { StreamEvent } from './event-types.ts'
import type { StreamGroup } from './group-types.ts'
import type { StreamAddingOptions, StreamAddManyOptions, StreamAddOptions } from './option-types.ts'
import type { StreamStatsOptions, StreamStats } from './stats-types.ts'
import type { StreamTaggedEntry, StreamTaggedOptions, StreamTags } from './tag-types.ts'
import type { StreamWatch, StreamWatchEvent } from './watch-types.ts'
import type {
  StreamEntryLease,
  Worker,
  WorkerBatchOptions,
  WorkerOptions,
  WorkerBatchHandler,
  WorkerHandler,
} from './worker-types.ts'
import type {
  StreamScheduled,
  StreamScheduleOptions,
  StreamSchedules,
  StreamTimeField,
} from './schedules/types.ts'

/** `T` is the type that `add` takes. `Out` is the type that handlers get: the schema's output, or `T` after JSON. */
export interface Stream<T, Out = Jsonified<T>> {
  readonly name: string
  /** Adds a listener; the returned function removes it. */
  on(listener: (event: StreamEvent) => void): () => void
  /**
   * Gets the events of all workers of the stream, in every process. Workers publish events only while somebody watches; the others cost
   * nothing. Resolves once events arrive. They are sent over pub/sub: none is repeated, and those of an interruption are missing, which the
   * events 'interrupted' and 'watching' tell. Of what producers do, such as 'added', nothing is sent.
   *
   * Cost: one script call in 15 s; for each worker one SPUBLISH in 20 ms with events.
   *
   * @throws an outage, when Redis is away at the beginning or does not let it subscribe; PENKNIFE_CLOSED.
   */
  watch(listener: (event: StreamWatchEvent) => void): Promise<StreamWatch>
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
   * Finds where an entry is. In a work queue with one group. One script call; one more for every 2,000 delayed entries, and for every 256 KiB
   * of those that are handled again and of dead letters, until it is found.
   *
   * @throws PENKNIFE_INVALID for another kind of stream.
   */
  find(id: string): Promise<StreamEntryState>
  /**
   * Finds the entries that have all of these tags, newest first, see `tags` of createStream. A page may have fewer entries than `limit`, or
   * none, and a next page. An entry that is gone is in the list until its tags are deleted.
   *
   * Costs one script call for at most 1,000 entries of the first tag, and one for each entry of the page. In a work queue with one group up
   * to 200 more for all, as `find`. A page ends after 8 MiB of payloads.
   *
   * @throws PENKNIFE_INVALID for wrong tags or options.
   */
  tagged(
    tags: StreamTags,
    options?: StreamTaggedOptions,
  ): Promise<StreamPage<StreamTaggedEntry<Jsonified<T>>>>
  /**
   * Cancels an entry, in one script: one that waits is deleted, and a worker that has it loses its lease, so that nothing that it still sends
   * is accepted. `changed` tells whether it was cancelled, `state` where it was. Afterwards no handler starts for it, and it is finished
   * nowhere: of a cancel and a finish at the same moment, one happens.
   *
   * The signal of a running handler aborts when a pub/sub message reaches its process, or without that message at the next heartbeat, a
   * third of the lease. Costs as `find`.
   *
   * @throws PENKNIFE_INVALID for a stream that is no work queue with one group.
   */
  cancel(id: string): Promise<StreamEntryChange>
  /**
   * Gives an unfinished entry that no worker has another time, also one that waits for a retry; a time in the past means at once. An entry that
   * has the place of its key keeps it, so its key waits as well. Costs as `find`.
   *
   * @throws PENKNIFE_INVALID for a stream that is no work queue with one group.
   */
  reschedule(id: string, at: Date | number): Promise<StreamEntryChange>
  /**
   * Waits until an entry that was added with `result` has ended, and resolves with how. It does not ask again and again: it follows a channel
   * on the connection that the process shares, and reads what happened before it followed. Costs one script call when the entry has ended;
   * else two, and SSUBSCRIBE and SUNSUBSCRIBE. While the channel cannot be followed, it reads again after five seconds.
   *
   * @throws PENKNIFE_INVALID for an entry without `result`; the signal's reason; PENKNIFE_CLOSED; an outage.
   */
  result<Result = unknown>(id: string, options?: StreamResultOptions): Promise<StreamResult<Result>>
  /**
   * As `delivery.commit`, for a loop of your own that reads a group with XREADGROUP: finishes the entry and makes changes in one step, if the
   * consumer still has it. In a handler use `delivery.commit`, of which the worker knows.
   *
   * An outage fails the call. It can be repeated with the same lease: if it was carried out, the answer is `done: 'before'` with the first
   * results. They are stored for a day, at most until the consumer's next commit. For other effects it is `lost`.
   *
   * @throws PENKNIFE_INVALID for a lease of another stream, and for wrong effects.
   */
  commit<const Effects extends readonly Effect[]>(
    lease: Omit<StreamEntryLease, 'fence'>,
    ...effects: Effects
  ): Promise<CommitAnswer<RecordResults<Effects>>>
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
  /**
   * Creates or changes a schedule, which adds an entry at each of its occurrences. Call it at the start of every process: a schedule
   * that Redis already has stays as it is.
   *
   * Each occurrence is added once, however many processes there are. Processes that called `schedule`, and those with a worker, add
   * what is due, by the clock of Redis. Cost: two script calls, and then one call a minute and process, one at each occurrence, and one
   * that adds the entry.
   *
   * @throws PENKNIFE_INVALID for a wrong option or payload; PENKNIFE_FULL for more than 100,000 schedules of a stream.
   */
  schedule<Field extends StreamTimeField<T> = never>(
    id: string,
    options: StreamScheduleOptions<T, Field>,
  ): Promise<StreamScheduled>
  /** Lists the schedules, pauses, resumes, runs and removes them. */
  readonly schedules: StreamSchedules
  /** A group, to read its dead letters and to pause, reset or drop it. Sends no command by itself. */
  group(name: string): StreamGroup
  /** Starts a worker. It handles the entries of a group together with every other worker of that group. */
  worker(group: string, handler: WorkerHandler<Out>, options?: WorkerOptions<Out>): Worker
  /** Starts a worker whose handler gets several entries in a call. */
  batchWorker(group: string, handler: WorkerBatchHandler<Out>, options?: WorkerBatchOptions<Out>): Worker
}
