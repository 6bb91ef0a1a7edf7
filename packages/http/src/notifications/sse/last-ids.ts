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
  return {
    newer: given(exchange.header('last-event-id') ?? ''),
    older: exchange.query.getAll('lastEventId').flatMap(given).slice(-MAX_IDS),
  }
}

/** A cursor has no commas: Node joins repeated headers with them, and an id of the application is before one. */
function given(text: string): string[] {
  return text
    .split(',')
    .map((id) => id.trim())
    .filter((id) => id !== '')
    .slice(-MAX_IDS)
}

/** Whether a client reconnects by itself after a `closed` event. */
export function wasClosed({ newer, older }: GivenCursors): boolean {
  return (newer.length > 0 ? newer : older).some((id) => id.startsWith(CLOSED_PREFIX))
}
