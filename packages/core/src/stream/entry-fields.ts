import { fieldOf } from './entries.ts'
import { type OwnTerms, parseOwnTerms } from './own-terms.ts'
import { checkedTraceparent } from '../traceparent.ts'

/** The decoded fields of an entry. */
export interface EntryFields {
  /** The entry's own id. */
  readonly id: string
  /** The number of this attempt. */
  readonly attempt: number
  readonly fence: number
  readonly json: string | undefined
  /** Undefined too when it is malformed, because another program may have written it. */
  readonly traceparent: string | undefined
  /** The earliest time to handle it, in milliseconds of Redis' clock. */
  readonly dueMs: number | undefined
  /** It was under lease in a process that died, and may have killed it. */
  readonly suspect: boolean
  /** Its place, of an entry with a key. */
  readonly place: string | undefined
  /** Of an entry of a run: the id of the entry that has to be finished before it; undefined for the first one. */
  readonly before: string | undefined
  /** What its add said of its attempts. */
  readonly own: OwnTerms | undefined
}

/** A first delivery. Also used for an entry that penknife did not write; of that only the payload is used, and only in the main stream. */
const FIRST: Omit<EntryFields, 'id' | 'json'> = {
  attempt: 1,
  fence: 1,
  traceparent: undefined,
  dueMs: undefined,
  suspect: false,
  place: undefined,
  before: undefined,
  own: undefined,
}

/** An entry of the group's own stream that penknife did not write. It becomes a dead letter. */
export const UNREADABLE: EntryFields = { ...FIRST, id: '0-0', json: undefined }

/** The fields that `add` writes, in order. */
const ADDED = /^d(,t)?(,n)?(,o)?(,[kq])?$/

/** Decodes an entry of the main stream, as `add` writes it (lua/_lib/stream/entry.lua). */
export function parseAdded(position: string, fields: readonly string[]): EntryFields {
  // The usual entry with a key, for speed.
  if (fields.length === 4 && fields[0] === 'd' && fields[2] === 'k') {
    return {
      attempt: 1,
      fence: 1,
      dueMs: undefined,
      suspect: false,
      own: undefined,
      id: position,
      json: fields[1],
      traceparent: undefined,
      place: fields[3],
      before: undefined,
    }
  }
  const json = fieldOf(fields, 'd')
  const names = fields.filter((_, at) => at % 2 === 0).join()
  const due = fieldOf(fields, 'n')
  if (!ADDED.test(names) || (due !== undefined && !isCount(due))) return { ...FIRST, id: position, json }
  const dueMs = due === undefined ? undefined : Number(due)
  return {
    ...FIRST,
    id: position,
    json,
    traceparent: checkedTraceparent(fieldOf(fields, 't')),
    dueMs,
    place: fieldOf(fields, 'k'),
    own: parseOwnTerms(fieldOf(fields, 'o')),
  }
}

/** Decodes an entry of the group's own stream, as scripts write it (lua/_lib/stream/entry.lua). */
export function parseRetry(_position: string, fields: readonly string[]): EntryFields {
  // One pass, for speed: with order by key most entries come this way. The first field of a name counts.
  const found: { [name: string]: string | undefined } = {}
  for (let at = 0; at < fields.length; at += 2) found[fields[at] as string] ??= fields[at + 1]
  const { i: id, k: place } = found
  // An entry with a key may come this way before its first delivery.
  const first = place === undefined ? undefined : '0'
  const { a: used = first, f: fence = first } = found
  const known = id !== undefined && /^\d+-\d+$/.test(id) && isCount(used) && isCount(fence)
  if (!known) return UNREADABLE
  return {
    id,
    attempt: Number(used) + 1,
    fence: Number(fence) + 1,
    json: found['d'],
    traceparent: checkedTraceparent(found['t']),
    dueMs: undefined,
    suspect: found['v'] !== undefined,
    place,
    before: undefined,
    own: parseOwnTerms(found['o']),
  }
}

function isCount(text: string | undefined): text is string {
  return text !== undefined && /^\d{1,15}$/.test(text)
}
