import type { Keys } from '../redis/keys.ts'
import { type EntryFields, parseAdded, parseRetry } from './entry-fields.ts'

/** A Redis stream from which the workers of a group get entries. */
export interface Source {
  readonly keyOf: (keys: Keys, stream: string, group: string) => string
  /** Decodes the fields of its entries. */
  readonly parse: (position: string, fields: readonly string[]) => EntryFields
  /** Its name in the moves of lua/stream/settle.lua. */
  readonly code: string
  /** Prefix of its positions in the reply of lua/stream/settle.lua. */
  readonly prefix: string
}

/**
 * All sources. An entry's `source` is an index into this list, which has the order of lua/stream/settle.lua. A read lists the last
 * source first, so entries that are handled again have priority over new ones.
 */
export const SOURCES: readonly Source[] = [
  // New entries: the stream itself, which every group reads.
  {
    keyOf: (keys, stream) => keys.stream(stream),
    parse: parseAdded,
    code: 'm',
    prefix: '',
  },
  // Entries to be handled again: after a failure or a delay, given back, or taken over from a worker that died.
  {
    keyOf: (keys, stream, group) => keys.ready(stream, group),
    parse: parseRetry,
    code: 'r',
    prefix: 'r',
  },
]

/** The source of first deliveries, whose position is the entry's own id. */
export const NEW = 0
