import { fieldOf } from './entries.ts'

/** What the fields of an entry say. */
export interface EntryFields {
  /** The entry's own id. */
  readonly id: string
  /** The attempt that this delivery is. */
  readonly attempt: number
  readonly fence: number
  readonly json: string | undefined
  readonly traceparent: string | undefined
  /** Not before, in Redis' milliseconds. */
  readonly dueMs: number | undefined
  /** A worker vanished with it before: it may be what kills its processes. */
  readonly suspect: boolean
}

/** Of a first delivery. Of what something else wrote no more is believed than this and, in the main stream, the payload. */
const FIRST: Omit<EntryFields, 'id' | 'json'> = {
  attempt: 1,
  fence: 1,
  traceparent: undefined,
  dueMs: undefined,
  suspect: false,
}

/** The fields that `add` writes, in order. */
const ADDED = /^d(,t)?(,n)?$/

/** An entry of the main stream, as `add` wrote it (lua/_lib/stream/entry.lua). */
export function parseAdded(position: string, fields: readonly string[]): EntryFields {
  const json = fieldOf(fields, 'd')
  const names = fields.filter((_, at) => at % 2 === 0).join()
  const due = fieldOf(fields, 'n')
  if (!ADDED.test(names) || (due !== undefined && !isCount(due))) return { ...FIRST, id: position, json }
  const dueMs = due === undefined ? undefined : Number(due)
  return { ...FIRST, id: position, json, traceparent: fieldOf(fields, 't'), dueMs }
}

/** An entry that is handled again, as scripts put it into the group's own stream (lua/_lib/stream/entry.lua). */
export function parseRetry(_position: string, fields: readonly string[]): EntryFields {
  const [id, used, fence] = [fieldOf(fields, 'i'), fieldOf(fields, 'a'), fieldOf(fields, 'f')]
  const known = id !== undefined && /^\d+-\d+$/.test(id) && isCount(used) && isCount(fence)
  if (!known) return { ...FIRST, id: '0-0', json: undefined }
  return {
    id,
    attempt: Number(used) + 1,
    fence: Number(fence) + 1,
    json: fieldOf(fields, 'd'),
    traceparent: fieldOf(fields, 't'),
    dueMs: undefined,
    suspect: fieldOf(fields, 'v') !== undefined,
  }
}

function isCount(text: string | undefined): text is string {
  return text !== undefined && /^\d{1,15}$/.test(text)
}
