import type { Reply } from '../redis/script.ts'
import { message, type Place, placeOf } from './messages.ts'
import type { NotifierMessage } from './events.ts'
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

function toKept(events: readonly Reply[]): readonly KeptEvent[] {
  return events as KeptEvent[]
}

/** A page of history as lanes go through it; those that read it together share it. */
export interface Stretch {
  readonly lost: boolean
  /** The position at the end of the history. */
  readonly top: Place
  readonly steps: readonly Step[]
}

/** An event; without a message it is only a step on the way: expired, or superseded by a later one of the page. */
export interface Step {
  readonly place: Place
  readonly message: NotifierMessage | undefined
}

export function toStretch(channel: string, [state, top, ...events]: readonly Reply[]): Stretch {
  const seen = new Set<string>()
  const steps = toKept(events)
    .toReversed()
    .map(([id, coalesce, type, json]): Step => {
      // By one of its type, so that it is delivered to whoever asked for those.
      const name = `${type} ${coalesce}`
      const superseded = coalesce !== '' && seen.has(name)
      if (type !== '' && coalesce !== '') seen.add(name)
      const told = type !== '' && !superseded
      return { place: placeOf(id), message: told ? message(channel, id, type, json) : undefined }
    })
    .toReversed()
  return { lost: state === 'lost', top: placeOf(top as string), steps }
}
