import { newIn, readCursor } from './cursor.ts'

/** The cursors of a client's request. */
export interface GivenCursors {
  /** These count before `older`. */
  readonly newer: readonly string[]
  readonly older: readonly string[]
}

/** The positions from which a client resumes. */
export interface Start {
  readonly from: ReadonlyMap<string, string>
  /** Channels without a valid position in the client's cursor. */
  readonly lost: readonly string[]
}

/** Uses the newest cursor with a position in one of the channels. Without any cursor nothing is lost. */
export function startOf(given: GivenCursors, channels: readonly string[]): Start {
  if (given.newer.length === 0 && given.older.length === 0) return { from: new Map(), lost: [] }
  const from = newest(given.newer, channels) ?? newest(given.older, channels) ?? new Map<string, string>()
  const fresh = new Set([...given.newer, ...given.older].flatMap((cursor) => newIn(cursor, channels)))
  return { from, lost: channels.filter((channel) => !from.has(channel) && !fresh.has(channel)) }
}

function newest(cursors: readonly string[], channels: readonly string[]): Map<string, string> | undefined {
  return cursors
    .map((cursor) => readCursor(cursor, channels))
    .filter((positions) => positions.size > 0)
    .reduce<Map<string, string> | undefined>(
      (best, positions) => (best && isOlder(positions, best) ? best : positions),
      undefined,
    )
}

/** Whether a cursor is older than another one of the same client. A client's positions only increase. */
function isOlder(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  for (const [channel, position] of one) {
    const rival = other.get(channel)
    if (rival !== undefined && sortable(position) !== sortable(rival))
      return sortable(position) < sortable(rival)
  }
  return false
}

/** Epoch and offset of a position, as text that sorts in their order. */
function sortable(position: string): string {
  const [epoch = '', offset = ''] = position.split('-')
  return `${epoch.padStart(16, '0')}-${offset.padStart(16, '0')}`
}
