import { badReply } from '../redis/failures.ts'
import type { Reply } from '../redis/script.ts'
import { message } from './messages.ts'
import { type EpochAndOffset, parseId, type Position, positionOf } from './position.ts'
import type { NotifierMessage } from './events.ts'
import type { NotifierHistoryPage } from './types.ts'

/** An event of a page of history. Its type is empty if it expired. */
type KeptEvent = readonly [id: string, coalesce: string, type: string, json: string]

/** A page of history for a caller. Without a history `end` is the position at its end. */
export function toPage(
  channel: string,
  [state, top, ...events]: readonly Reply[],
  end?: string,
): NotifierHistoryPage {
  const kept = toKept(events)
  const last = end ?? (top as string)
  const position = kept.at(-1)?.[0] ?? last
  return {
    items: kept
      .filter(([, , type]) => type !== '')
      .map(([id, , type, json]) => message(channel, id, type, json)),
    next: position === last ? undefined : position,
    position,
    lost: state === 'lost',
  }
}

/** The events of a page up to the first gap. There another program deleted events, and the next read reports them as lost. */
function toKept(events: readonly Reply[]): readonly KeptEvent[] {
  for (const event of events) {
    const known =
      Array.isArray(event) && event.length === 4 && event.every((text) => typeof text === 'string')
    if (!known) throw badReply('notifier/since', 'an event is not id, key, type and data')
  }
  const kept = events as readonly KeptEvent[]
  let before: EpochAndOffset | undefined
  const gap = kept.findIndex(([id]) => {
    const at = parseId(id)
    const follows = !before || (at?.epoch === before.epoch && at.offset === before.offset + 1)
    before = at
    return !follows
  })
  return gap < 0 ? kept : kept.slice(0, gap)
}

/** A page of history for followers. Followers that wait for it at the same position share it. */
export interface HistorySection {
  readonly lost: boolean
  /** The position at the end of the history. Undefined without a history. */
  readonly end: Position | undefined
  readonly steps: readonly Step[]
}

/** An event. Without a message if it expired, or if a later one of the page superseded it. */
export interface Step {
  readonly position: Position
  readonly message: NotifierMessage | undefined
}

export function toSection(channel: string, [state, end, ...events]: readonly Reply[]): HistorySection {
  const newer = new Set<string>()
  const steps = toKept(events)
    .toReversed()
    .map(([id, coalesce, type, json]): Step => {
      // Only an event of the same type supersedes it, because a subscription may follow that type alone.
      const name = `${type} ${coalesce}`
      const superseded = coalesce !== '' && newer.has(name)
      if (type !== '' && coalesce !== '') newer.add(name)
      const delivered = type !== '' && !superseded
      return { position: positionOf(id), message: delivered ? message(channel, id, type, json) : undefined }
    })
    .toReversed()
  return { lost: state === 'lost', end: end === '' ? undefined : positionOf(end as string), steps }
}
