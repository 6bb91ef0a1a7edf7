import type { Reply } from '../redis/script.ts'
import { message } from './messages.ts'
import type { HistoryPage } from './types.ts'

/** An event as a page of history has it; without a type it is only a step on the way. */
type KeptEvent = readonly [id: string, coalesce: string, type: string, json: string]

/** A page of history as a caller reads it. */
export function toPage(channel: string, [state, top, ...events]: readonly Reply[]): HistoryPage {
  const kept = toKept(events)
  const cursor = kept.at(-1)?.[0] ?? (top as string)
  return {
    events: kept
      .filter(([, , type]) => type !== '')
      .map(([id, , type, json]) => message(channel, id, type, json)),
    cursor,
    lost: state === 'lost',
    end: cursor === top,
  }
}

/** The events of a page of history. */
export function toKept(events: readonly Reply[]): readonly KeptEvent[] {
  return events as KeptEvent[]
}

/** The events of a page, where one that a later one supersedes is only a step on the way. */
export function newest(
  events: readonly KeptEvent[],
): readonly (readonly [id: string, type: string, json: string])[] {
  const seen = new Set<string>()
  return events
    .toReversed()
    .map(([id, coalesce, type, json]): readonly [string, string, string] => {
      if (coalesce === '' || type === '') return [id, type, json]
      if (seen.has(coalesce)) return [id, '', '']
      seen.add(coalesce)
      return [id, type, json]
    })
    .toReversed()
}
