import {
  createStream,
  type Space,
  type StandardSchema,
  type Stream,
  type StreamEntry,
  type StreamPage,
  type StreamReadOptions,
  type StreamReplayOptions,
} from '@penknife/core'
import { type BatchWriter, batchWriterOf, checkOptions, invalid, wholeNumber } from '@penknife/core/internal'

import { anonymous } from './anonymous.ts'
import type { RequestEntry } from './entry.ts'
import type { RequestStreamOptions } from './options.ts'
import { packEntry, unpackEntry } from './pack.ts'

type Packed = readonly unknown[]

/** Chooses entries: all that have these values, or those for which a function returns true. */
export type RequestMatch<Entry = RequestEntry> =
  | { readonly user?: string; readonly ip?: string; readonly id?: string }
  | ((entry: Entry) => boolean)

export interface RequestScanOptions {
  /** The oldest time of the scan: a Date, or milliseconds since 1970. Default: the oldest entry. */
  readonly from?: Date | number | undefined
  /** The newest time. Default: the newest entry. */
  readonly to?: Date | number | undefined
  /** Most entries that one call reads: 1 to 1,000. Default: 1,000. */
  readonly limit?: number | undefined
  /** `next` of the call before. Default: the first call. */
  readonly after?: string | undefined
}

export interface RequestScan {
  /** Entries that the call read, and those that it changed. */
  readonly scanned: number
  readonly changed: number
  /** Give it as `after` to go on. Undefined at the end. */
  readonly next: string | undefined
}

/**
 * The entries of a request log: an event log that is bounded whatever its groups do. Workers, `read` and `replay` get
 * entries as objects; in Redis they are packed.
 */
export interface RequestEvents<Own extends object = object> extends Pick<
  Stream<Packed, RequestEntry & Own>,
  'name' | 'on' | 'watch' | 'stats' | 'group' | 'worker' | 'batchWorker'
> {
  /** Reads a page of entries, as `read` of a stream. */
  read(options?: StreamReadOptions): Promise<StreamPage<StreamEntry<RequestEntry & Own>>>
  /** Iterates over entries, as `replay` of a stream. */
  replay(options?: StreamReplayOptions): AsyncGenerator<StreamEntry<RequestEntry & Own>, void>
  /** Finds entries, in one bounded scan: `items` has those that match, and may be empty before the last page. One script call. */
  find(
    match: RequestMatch<RequestEntry & Own>,
    options?: RequestScanOptions,
  ): Promise<StreamPage<StreamEntry<RequestEntry & Own>>>
  /**
   * Deletes the entries that match, in one bounded scan. Groups that have not read them do not get them. Copies that a group has to handle again, and
   * its dead letters, stay. One script call, and one item for each entry that is deleted.
   */
  erase(match: RequestMatch<RequestEntry & Own>, options?: RequestScanOptions): Promise<RequestScan>
  /**
   * Replaces the entries that match, in one bounded scan, by entries without user, address, user agent, ids, query, error message and own fields, and with the route in
   * place of the path. The new entries have `anonymised` and the old time `at`, and are at the end of the stream, since Redis cannot change an
   * entry. So a group that read the original gets another one. Costs as `erase`.
   *
   * @throws PENKNIFE_FULL when an entry found the stream full
   */
  anonymise(match: RequestMatch<RequestEntry & Own>, options?: RequestScanOptions): Promise<RequestScan>
}

const USUAL = { entries: 100_000, age: '7d' } as const

const schema: StandardSchema<Packed, RequestEntry> = {
  '~standard': {
    version: 1,
    vendor: 'penknife',
    validate(value) {
      const entry = unpackEntry(value)
      return entry ? { value: entry } : { issues: [{ message: 'it is no entry of a request log' }] }
    },
  },
}

const below = new WeakMap<object, Stream<Packed, RequestEntry>>()

/** The stream of `createRequestStream`'s result; undefined for another object. */
export function streamBelow(events: unknown): Stream<Packed, RequestEntry> | undefined {
  return typeof events === 'object' && events !== null ? below.get(events) : undefined
}

/**
 * Opens the stream of a request log, for workers and readers, and for `requestLog(stream)`. Give the same options in all processes.
 *
 * @typeParam Own the fields that the application adds
 * @throws PENKNIFE_INVALID for a wrong option.
 */
export function createRequestStream<Own extends object = object>(
  space: Space,
  name: string,
  options: RequestStreamOptions = {},
): RequestEvents<Own> {
  checkOptions('createRequestStream', options, ['retain'])
  const { retain = USUAL } = options
  checkOptions('retain', retain, ['entries', 'bytes', 'age'])
  const stream = createStream<Packed, RequestEntry>(space, name, {
    retain: { ...retain, lossy: true },
    schema,
  })
  let writer: BatchWriter | undefined
  const writing = (): BatchWriter => (writer ??= batchWriterOf(stream) as BatchWriter)

  async function read(range: StreamReadOptions = {}): Promise<StreamPage<StreamEntry<RequestEntry>>> {
    const { items, next } = await stream.read(range)
    return { items: items.flatMap(toEntry), next }
  }

  async function* replay(range?: StreamReplayOptions): AsyncGenerator<StreamEntry<RequestEntry>, void> {
    for await (const item of stream.replay(range)) yield* toEntry(item)
  }

  async function find(
    match: RequestMatch,
    { from, to, limit = 1000, after, ...unknown }: RequestScanOptions = {},
  ): Promise<StreamPage<StreamEntry<RequestEntry>> & { readonly scanned: number }> {
    checkOptions('scan', unknown, ['from', 'to', 'limit', 'after'])
    const matches = matcherOf(match)
    wholeNumber('limit', limit, 1, 1000)
    const { items, next } = await stream.read({
      from: from ?? '-',
      to: to ?? '+',
      limit,
      ...(after !== undefined && { after }),
    })
    return {
      items: items.flatMap(toEntry).filter(({ payload }) => matches(payload)),
      next,
      scanned: items.length,
    }
  }

  const events: RequestEvents = {
    name,
    on: stream.on,
    watch: stream.watch,
    stats: stream.stats,
    group: stream.group,
    worker: stream.worker,
    batchWorker: stream.batchWorker,
    read,
    replay,
    async find(match, scan) {
      const { items, next } = await find(match, scan)
      return { items, next }
    },
    async erase(match, scan) {
      const { items, next, scanned } = await find(match, scan)
      const done = await Promise.all(items.map(({ id }) => writing().erase(id)))
      return { scanned, changed: done.filter(Boolean).length, next }
    },
    async anonymise(match, scan) {
      const { items, next, scanned } = await find(match, scan)
      const texts = items
        .filter(({ payload }) => payload.anonymised !== true)
        .map(({ id, payload }) => ({ id, text: packEntry(anonymous(payload)) }))
      const done = await Promise.all(texts.map(({ id, text }) => writing().replace(id, text)))
      return { scanned, changed: done.filter((end) => end === 'replaced').length, next }
    },
  }
  below.set(events, stream)
  return events as RequestEvents<Own>
}

/** The entry of a packed one; none for something that penknife did not write. */
function toEntry({ id, payload, addedAtMs }: StreamEntry<unknown>): StreamEntry<RequestEntry>[] {
  const entry = unpackEntry(payload)
  return entry ? [{ id, payload: entry, addedAtMs }] : []
}

function matcherOf(match: RequestMatch): (entry: RequestEntry) => boolean {
  if (typeof match === 'function') return match
  checkOptions('match', match, ['user', 'ip', 'id'])
  const wanted = Object.entries(match)
  // Without a value every entry would match.
  if (wanted.length === 0 || !wanted.every(([, value]) => typeof value === 'string'))
    throw invalid(
      'match',
      match,
      "give values to look for, such as { user: 'ann' }, or a function of the entry",
    )
  return (entry) => wanted.every(([name, value]) => entry[name as 'user'] === value)
}
