import { PenknifeError, type Space } from '@penknife/core'
import {
  type BatchWriter,
  batchWriterOf,
  type BatchWritten,
  invalid,
  MOST_IN_BATCH,
  toJson,
} from '@penknife/core/internal'

import { warnOnce } from '../warn.ts'
import type { RequestEntry } from './entry.ts'
import { isSpace } from './arguments.ts'
import type { RequestStream, RequestStreamOptions } from './options.ts'
import { type MoreFields, packEntry, plainEntry } from './pack.ts'
import { createRequestStream, type RequestEvents, streamBelow } from './stream.ts'

const CODE = 'PENKNIFE_REQUEST_LOG'
/** The largest entry, as JSON in bytes: the application adds fields to it. */
const LARGEST = 64 * 1024

/** Where a log writes its entries. */
export interface Target {
  /** The stream in warnings. */
  readonly title: string
  /** The most entries of a batch. */
  readonly batch: number
  /**
   * The text of an entry; a promise if the stream's schema returns one. Throws, or rejects, PENKNIFE_INVALID for fields that JSON cannot
   * represent or the schema refuses.
   */
  toText(entry: RequestEntry, more: MoreFields | undefined): string | Promise<string>
  write(number: number, texts: readonly string[]): Promise<BatchWritten>
}

/** The target of the arguments of requestLog: a space and a name, or a stream. */
export function targetOf(
  given: RequestStream | RequestEvents | Space,
  name: string | undefined,
  options: RequestStreamOptions,
  onLost: (error: unknown) => void,
): Target {
  if (isSpace(given)) {
    return packing(
      batchWriterOf(streamBelow(createRequestStream(given, name as string, options))) as BatchWriter,
    )
  }
  const below = streamBelow(given)
  if (below) return packing(batchWriterOf(below) as BatchWriter)
  const own = given as RequestStream
  if (typeof own?.add !== 'function')
    throw invalid('requestLog stream', given, 'give a space and a name, or a stream made by createStream')
  const writer = batchWriterOf(own)
  if (!writer) return oneByOne(own, onLost)
  if (writer.isOrdered)
    throw invalid(
      'requestLog stream',
      writer.title,
      'give one without order by key; entries of a log have no key',
    )
  warnOfNoBound(writer)
  return {
    title: writer.title,
    batch: MOST_IN_BATCH,
    // Objects, so that the workers of the application need not unpack them.
    toText: (entry, more) => writer.toText(plainEntry(entry, more)),
    write: writer.write,
  }
}

function packing(writer: BatchWriter): Target {
  return {
    title: writer.title,
    batch: MOST_IN_BATCH,
    toText(entry, more) {
      if (more) toJson('the fields of a request', more, LARGEST)
      return packEntry(entry, more)
    },
    write: writer.write,
  }
}

function warnOfNoBound({ isBounded, title }: BatchWriter): void {
  if (isBounded) return
  warnOnce(
    CODE,
    title,
    `requestLog writes to ${title}, which keeps what a group has not handled: if a worker stops, the log fills Redis. Use requestLog(space, name), ` +
      'or give createStream a bound: retain: { entries: 100_000, lossy: true }',
  )
}

/** An object of the application gets each entry once. */
function oneByOne(given: RequestStream, onLost: (error: unknown) => void): Target {
  return {
    title: 'the stream of requestLog',
    batch: MOST_IN_BATCH,
    toText: (entry, more) => toJson('the fields of a request', plainEntry(entry, more), LARGEST),
    async write(_number, texts) {
      const ends = await Promise.allSettled(
        texts.map(async (text) => given.add(JSON.parse(text) as RequestEntry)),
      )
      let added = ends.length
      for (const end of ends) {
        if (end.status === 'fulfilled') continue
        added -= 1
        onLost(end.reason)
      }
      return { added, missed: [] }
    },
  }
}

export const FULL: PenknifeError = new PenknifeError(
  'PENKNIFE_FULL',
  'the stream of requestLog has reached its maxBacklog; entries are dropped',
)
