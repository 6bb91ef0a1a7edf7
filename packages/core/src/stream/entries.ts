import { invalid } from '../errors.ts'
import type { Reply } from '../redis/script.ts'
import type { Entry } from './types.ts'

/** Entries of an XRANGE reply. */
export function toEntries<T>(reply: readonly Reply[]): Entry<T>[] {
  return (reply as readonly [string, readonly string[]][]).map(([id, fields]) => toEntry<T>(id, fields))
}

/** An entry of its id and fields; throws when its payload is not JSON, as of an entry that penknife did not add. */
export function toEntry<T>(id: string, fields: readonly string[]): Entry<T> {
  return { id, payload: JSON.parse(fieldOf(fields, 'd') ?? '') as T, addedAtMs: Number.parseInt(id, 10) }
}

export function fieldOf(fields: readonly string[], name: string): string | undefined {
  for (let at = 0; at < fields.length; at += 2) if (fields[at] === name) return fields[at + 1]
  return undefined
}

/** An id of a range: complete, only its time, or one of the two ends. */
export function checkId(name: string, value: string): string {
  if (typeof value !== 'string' || !/^(\d{1,16}(-\d{1,19})?|[-+])$/.test(value)) {
    throw invalid(name, value, "give an id such as '1700000000000-0', a time in milliseconds, '-' or '+'")
  }
  return value
}
