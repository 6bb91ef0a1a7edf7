import { PenknifeError } from '../errors.ts'
import type { StreamEntry } from './entry-types.ts'

/**
 * Decodes an entry from its id and fields.
 *
 * @throws PENKNIFE_INVALID when its payload is not JSON, because something other than penknife added it.
 */
export function toEntry<T>(id: string, fields: readonly string[]): StreamEntry<T> {
  try {
    return { id, payload: JSON.parse(fieldOf(fields, 'd') ?? '') as T, addedAtMs: Number.parseInt(id, 10) }
  } catch (cause) {
    throw new PenknifeError(
      'PENKNIFE_INVALID',
      `the payload of entry ${id} is not JSON: something other than penknife added it`,
      {
        cause,
        option: 'payload',
      },
    )
  }
}

export function fieldOf(fields: readonly string[], name: string): string | undefined {
  for (let at = 0; at < fields.length; at += 2) if (fields[at] === name) return fields[at + 1]
  return undefined
}
