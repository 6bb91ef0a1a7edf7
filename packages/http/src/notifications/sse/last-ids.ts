import type { Exchange } from '../../exchange/exchange.ts'
import type { GivenCursors } from '../session/resume.ts'
import { CLOSED_MARK } from './frames.ts'

/** More ids than this are of no use to anybody: the last ones count. */
const MOST_IDS = 8

/**
 * The ids by which a request resumes, as the client sent them: of the header, and of `?lastEventId=`. A client repeats the
 * address it began with, so the header is the newer source.
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
  return ids.filter((id) => id !== '').slice(-MOST_IDS)
}

/** Whether a client comes back by itself after it was closed for good. */
export function wasClosed({ newer, older }: GivenCursors): boolean {
  return (newer.length > 0 ? newer : older).some((id) => id.startsWith(CLOSED_MARK))
}
