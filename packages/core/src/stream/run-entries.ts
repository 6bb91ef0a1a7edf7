import { type EntryFields, UNREADABLE } from './entry-fields.ts'
import type { FetchedEntry } from './leased-entry.ts'

/** Whether an entry of the group's own stream is a run: several entries of one key (lua/_lib/stream/members.lua). */
export function isRun(fields: readonly string[]): boolean {
  return fields[2] === 'm' && fields[0] === 'k'
}

/** Adds the entries of a run to `all`. Each has a position of its own, such as `1700000000000-0/2`. */
export function addRun(
  position: string,
  source: number,
  fields: readonly string[],
  all: FetchedEntry[],
): void {
  const place = fields[1] as string
  let before: string | undefined
  for (let at = 3; at < fields.length; at += 2) {
    const parsed = parseMember(fields[at] as string, place, before)
    before = parsed.id
    all.push({ position: `${position}/${(at - 1) / 2}`, source, fields, parsed })
  }
}

/** The position in the stream: that of its run, if the entry is in one. */
export function streamPosition(position: string): string {
  const end = position.indexOf('/')
  return end < 0 ? position : position.slice(0, end)
}

/** A member is: key, byte 0, sortable id, byte 0, traceparent or nothing, byte 0, nothing, byte 0, payload. */
function parseMember(member: string, place: string, before: string | undefined): EntryFields {
  const id = member.indexOf('\0') + 1
  const trace = member.indexOf('\0', id) + 1
  const more = member.indexOf('\0', trace) + 1
  // Something other than penknife wrote it.
  if (id === 0 || trace === 0 || more === 0) return UNREADABLE
  // The letter in front of each of the two numbers of the id says how long it is.
  const second = id + 1 + member.charCodeAt(id) - 64
  // Not spread from FIRST, for speed.
  return {
    attempt: 1,
    fence: 1,
    dueMs: undefined,
    suspect: false,
    own: undefined,
    id: `${member.slice(id + 1, second)}-${member.slice(second + 1, trace - 1)}`,
    json: member.slice(more + 1),
    traceparent: trace + 1 < more ? member.slice(trace, more - 1) : undefined,
    place,
    before,
  }
}

/**
 * An entry of a run that was read again. Others of the run may have been handled or cancelled, which only Redis knows. So it has a
 * predecessor that this worker does not have, and is given back.
 */
export function withoutTurn(entry: FetchedEntry): FetchedEntry {
  return entry.parsed ? { ...entry, parsed: { ...entry.parsed, before: entry.parsed.id } } : entry
}
