import type { Exchange } from '../exchange/exchange.ts'
import { readCursor } from './cursor.ts'
import { CLOSED_MARK } from './frames.ts'

/** More ids than this are of no use to anybody: the last ones count. */
const MOST_IDS = 8

/** The ids by which a request resumes, as they came. */
export interface LastIds {
  readonly header: readonly string[]
  /** Values of `?lastEventId=`. A client repeats the address it began with, so the header is the newer source. */
  readonly url: readonly string[]
}

export function lastIdsOf(exchange: Exchange): LastIds {
  // A cursor has no commas: Node joins repeated headers with them.
  const header = exchange.header('last-event-id')?.split(',') ?? []
  return {
    header: given(header.map((id) => id.trim())),
    url: given(exchange.query.getAll('lastEventId')),
  }
}

function given(ids: readonly string[]): string[] {
  return ids.filter((id) => id !== '').slice(-MOST_IDS)
}

/** Whether a client comes back by itself after it was closed for good. */
export function wasClosed({ header, url }: LastIds): boolean {
  return (header.length > 0 ? header : url).some((id) => id.startsWith(CLOSED_MARK))
}

/**
 * The positions to resume from: of the newest id that names one of the channels. Undefined when no id was given at all;
 * empty when none that was given is one of ours.
 */
export function resumeFrom(ids: LastIds, channels: readonly string[]): Map<string, string> | undefined {
  if (ids.header.length === 0 && ids.url.length === 0) return undefined
  return newest(ids.header, channels) ?? newest(ids.url, channels) ?? new Map()
}

function newest(ids: readonly string[], channels: readonly string[]): Map<string, string> | undefined {
  return ids
    .map((id) => readCursor(id, channels))
    .filter((positions) => positions.size > 0)
    .reduce<Map<string, string> | undefined>(
      (best, positions) => (best && isOlder(positions, best) ? best : positions),
      undefined,
    )
}

/** Whether a cursor of a client came before another of the same client: no position of a client ever goes back. */
function isOlder(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  for (const [channel, position] of one) {
    const rival = other.get(channel)
    if (rival !== undefined && place(position) !== place(rival)) return place(position) < place(rival)
  }
  return false
}

/** Epoch and offset of a position, in a form that sorts like them. */
function place(position: string): string {
  const [epoch = '', offset = ''] = position.split('-')
  return `${epoch.padStart(16, '0')}-${offset.padStart(16, '0')}`
}
