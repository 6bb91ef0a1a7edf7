import type { Exchange } from '../../exchange/exchange.ts'
import type { GivenCursors } from '../session/resume.ts'
import { CLOSED_PREFIX } from './frames.ts'

/** The most ids of a request that are read: the last ones. */
const MAX_IDS = 8

/**
 * The ids from which a request resumes: those of the header, and those of `?lastEventId=`. A client repeats the address with
 * which it began, so the header is newer.
 */
export function lastIdsOf(exchange: Exchange): GivenCursors {
  // A cursor has no commas: Node joins repeated headers with them.
  const header = exchange.header('last-event-id')?.split(',') ?? []
  return {
    newer: given(header.map((id) => id.trim())),
    older: given(exchange.query.getAll('lastEventId')),
  }
}

function given(ids: readonly string[]): string[] {
  return ids.filter((id) => id !== '').slice(-MAX_IDS)
}

/** Whether a client reconnects by itself after a `closed` event. */
export function wasClosed({ newer, older }: GivenCursors): boolean {
  return (newer.length > 0 ? newer : older).some((id) => id.startsWith(CLOSED_PREFIX))
}
