import { badReply } from '../redis/failures.ts'
import type { Reply } from '../redis/script.ts'
import { message, parsePosition, type Place, placeOf, type Position } from './messages.ts'
import type { NotifierMessage } from './events.ts'
import type { HistoryPage } from './types.ts'

/** An event as a page of history has it; without a type it is only a step on the way. */
type KeptEvent = readonly [id: string, coalesce: string, type: string, json: string]

/** A page of history as a caller reads it; `end` is the position there where no history is. */
export function toPage(
  channel: string,
  [state, top, ...events]: readonly Reply[],
  end?: string,
): HistoryPage {
  const kept = toKept(events)
  const last = end ?? (top as string)
  const cursor = kept.at(-1)?.[0] ?? last
  return {
    events: kept
      .filter(([, , type]) => type !== '')
      .map(([id, , type, json]) => message(channel, id, type, json)),
    cursor,
    lost: state === 'lost',
    end: cursor === last,
  }
}

/**
 * Events of a page, up to the first gap: one that somebody deleted in the middle is lost, and who reads on from before
 * it is told so.
 */
function toKept(events: readonly Reply[]): readonly KeptEvent[] {
  for (const event of events) {
    const known =
      Array.isArray(event) && event.length === 4 && event.every((text) => typeof text === 'string')
    if (!known) throw badReply('notifier/since', 'an event is not id, key, type and data')
  }
  const kept = events as readonly KeptEvent[]
  let before: Position | undefined
  const gap = kept.findIndex(([id]) => {
    const at = parsePosition(id)
    const follows = !before || (at?.epoch === before.epoch && at.offset === before.offset + 1)
    before = at
    return !follows
  })
  return gap < 0 ? kept : kept.slice(0, gap)
}

/** A page of history as lanes go through it; those that read it together share it. */
export interface Stretch {
  readonly lost: boolean
  /** The position at the end of the history; undefined without a history. */
  readonly top: Place | undefined
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
  return { lost: state === 'lost', top: top === '' ? undefined : placeOf(top as string), steps }
}
