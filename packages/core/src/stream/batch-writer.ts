import { randomBytes } from 'node:crypto'

import { badReply } from '../redis/failures.ts'
import { streamAddBatch, streamErase, streamReplace } from '../redis/scripts.gen.ts'
import { checkPayload } from './payload.ts'
import type { Scope } from './scope.ts'
import type { StreamSettings } from './settings.ts'
import { withTags } from './tags.ts'

/** The most entries of a batch, so that it occupies Redis for well under a millisecond. */
export const MOST_IN_BATCH = 128
/** The largest payload, as JSON in bytes. */
const LARGEST_PAYLOAD = 64 * 1024

/** Adds entries to a stream in numbered batches, and changes entries. For other packages of penknife. */
export interface BatchWriter {
  /** The stream in errors, such as `stream 'orders' of space 'shop'`. */
  readonly title: string
  /** The stream in events. */
  readonly identity: { readonly space: string; readonly name: string }
  /** Whether the stream is bounded whatever its groups do: adds delete the oldest entries, or are refused. */
  readonly isBounded: boolean
  /** Whether it has order by key. Its batches have no keys. */
  readonly isOrdered: boolean
  /**
   * The text of a payload, with its tags. Throws, or rejects, PENKNIFE_INVALID for one that the schema refuses, JSON cannot represent, or that is larger
   * than a batch.
   */
  toText(payload: unknown): string | Promise<string>
  /**
   * Adds the entries of a batch: all or, when the script fails, none. Numbers rise from 1, and a batch ends before the next one is
   * sent. A batch of unknown fate can be sent again under its number: it is added once, also if the first call arrives late. One
   * script call.
   *
   * @param texts at most `MOST_IN_BATCH` JSON texts
   */
  write(number: number, texts: readonly string[]): Promise<BatchWritten>
  /** Deletes an entry of a log. Resolves with whether it was there. One script call; those of a tick share an EVALSHA. */
  erase(id: string): Promise<boolean>
  /** Deletes an entry of a log and appends another one, in one step. Resolves with whether it was there. Costs as `erase`. */
  replace(id: string, text: string): Promise<'replaced' | 'gone' | 'full'>
}

/** The outcome of a batch. */
export interface BatchWritten {
  /** How many entries were added. The others, at the end, found the stream full. */
  readonly added: number
  /** Groups for which a lossy log deleted entries that they had not finished. Empty for a batch that was sent again. */
  readonly missed: readonly { readonly group: string; readonly entries: number }[]
}

interface Declaring {
  /** The writer is used; nothing is sent yet. */
  readonly added: () => void
  /** Whether this process has created the declared groups. */
  readonly isDeclared: () => boolean
  readonly declared: () => void
}

/** Returns a function that creates a writer. A writer has numbers of its own. */
export function createBatchWriters(
  scope: Scope,
  {
    safety,
    limits,
    firstLimits,
    limited,
    schema,
    tagging,
  }: Pick<
    StreamSettings<unknown, unknown>,
    'safety' | 'limits' | 'firstLimits' | 'limited' | 'schema' | 'tagging'
  >,
  all: readonly string[],
  { added, isDeclared, declared }: Declaring,
): () => BatchWriter {
  const { keys, route, stream, key, title, identity, bind, bindSafe } = scope
  return () => {
    const written = keys.written(stream, randomBytes(9).toString('base64url'))
    const writeNext = bindSafe(streamAddBatch, [all, limits], safety)
    const writeFirst = bindSafe(streamAddBatch, [all, firstLimits], safety)
    const erase = bind(streamErase, [])
    const replace = bind(streamReplace, [all, limits])
    return {
      title,
      identity,
      isBounded: limited || limits.split(' ')[5] === '1',
      isOrdered: scope.order !== undefined,
      toText(payload) {
        const json = checkPayload(schema, payload, LARGEST_PAYLOAD)
        return tagging ? withTags(tagging, json, payload) : json
      },
      async write(number, texts) {
        added()
        const write = isDeclared() ? writeNext : writeFirst
        const [count, ...missed] = await write(route, written, number, `${texts.join('\n')}\n`)
        if (typeof count !== 'number') throw badReply(streamAddBatch.name, 'it does not begin with a number')
        if (!isDeclared()) declared()
        return { added: count, missed: toMissed(missed) }
      },
      erase: async (id) => (await erase(route, key, id)) === 1,
      async replace(id, text) {
        const answer = await replace(route, id, text)
        if (answer === 1) return 'replaced'
        return answer === 0 ? 'gone' : 'full'
      },
    }
  }
}

function toMissed(reply: readonly unknown[]): BatchWritten['missed'] {
  return Array.from({ length: Math.floor(reply.length / 2) }, (_, at) => ({
    group: String(reply[2 * at]),
    entries: Number(reply[2 * at + 1]),
  }))
}

const makers = new WeakMap<object, () => BatchWriter>()

/** Makes the writers of a stream available to `batchWriterOf`. */
export function offerWriters(stream: object, create: () => BatchWriter): void {
  makers.set(stream, create)
}

/** A writer for a stream made by `createStream`; undefined for any other object. */
export function batchWriterOf(stream: unknown): BatchWriter | undefined {
  return typeof stream === 'object' && stream !== null ? makers.get(stream)?.() : undefined
}
