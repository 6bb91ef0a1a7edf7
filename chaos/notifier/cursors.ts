// Apart from open.ts, so that a client that needs no Redis does not load its client library.
import { readJournals } from '../harness/journal.ts'
import type { Life } from './plan.ts'
import type { ClientRecord } from './records.ts'

/** The last cursor of each client in the earlier lives of this part, joined from the records of all its channels. */
export function cursorsBefore({ folder, life }: Life): ReadonlyMap<number, URLSearchParams> {
  const name = life.slice(0, life.lastIndexOf('.') + 1)
  const found = new Map<number, URLSearchParams>()
  const journals = readJournals<ClientRecord>(folder)
  for (let nth = 1; `${name}${nth}` !== life; nth++) {
    // A life that was killed before its first record has no cursor.
    for (const record of journals.get(`${name}${nth}`) ?? []) {
      if (record.k !== 'event' && record.k !== 'reset' && record.k !== 'position') continue
      const cursor = found.get(record.w) ?? new URLSearchParams()
      found.set(record.w, cursor)
      for (const [channel, position] of new URLSearchParams(record.cursor)) cursor.set(channel, position)
    }
  }
  return found
}

/** A position in one channel, as a cursor. */
export function cursorOf(channel: string, position: string): string {
  return new URLSearchParams([[channel, position]]).toString()
}
