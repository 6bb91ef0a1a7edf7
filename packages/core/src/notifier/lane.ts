import type { Reply } from '../redis/script.ts'
import { message, parsePosition } from './messages.ts'
import type { NotifierEvent, NotifierMessage } from './types.ts'

/** Reads a channel's events after a position. */
export type Since = (position: string, count: number) => Promise<readonly Reply[]>

export interface Lane {
  /** Id of the last event delivered. */
  position(): string
  /** A live message came. */
  push(event: NotifierMessage): void
  /** Whether it takes events as they come, and is not reading history. */
  live(): boolean
  /** Something may have been missed: reads the history up to its end, then goes on live. */
  catchUp(): Promise<void>
  /** Catches up, trying again until it succeeded. */
  keepUp(): void
  close(): void
}

/** Events read at once. */
const PAGE = 200
/** Live messages kept while the history is read; beyond it they begin anew: the history has what was dropped. */
const LONGEST_BUFFER = 1000
const RETRY_MS = 500

/**
 * One subscription's way through one channel: every event after its position once and in order, or a reset.
 *
 * Live messages are delivered when they follow the position directly; older ones were delivered already; a gap, or
 * any doubt, sends the lane back to the history. What comes live while the history is read waits in a buffer. The
 * switch to live happens in one synchronous step, so that nothing can come between.
 */
export function createLane(
  channel: string,
  from: string,
  since: Since,
  deliver: (event: NotifierEvent) => void,
): Lane {
  let position = from
  let live = false
  let closed = false
  let buffer: NotifierMessage[] = []
  let reading: Promise<void> | undefined
  let again = false

  /** Delivers an event that follows the position; false when it does not. Older ones count as delivered. */
  function advance(event: NotifierMessage): boolean {
    const at = parsePosition(position)
    const next = parsePosition(event.id as string)
    if (!at || !next) return false
    const fresh = at.epoch === '0'
    if (!fresh && at.epoch !== next.epoch) return false
    if (!fresh && next.offset <= at.offset) return true
    if (next.offset !== at.offset + 1) return false
    position = event.id as string
    deliver(event)
    return true
  }

  async function readAll(): Promise<void> {
    live = false
    do {
      again = false
      const [state, top, ...events] = await since(position, PAGE)
      if (closed) return
      if (state === 'lost') {
        position = top as string
        deliver({ kind: 'reset', channel, id: position })
      } else if (position === '+' || events.length === 0) {
        position = top as string
      }
      for (const [id, fields] of events as [string, string[]][]) {
        position = id
        deliver(message(channel, id, fields[1] as string, fields[3] as string))
        if (closed) return
      }
      if (events.length === PAGE) again = true
      if (!again) again = !drain()
    } while (again)
    live = true
  }

  /** Delivers what came live meanwhile; false when it does not join what was read. */
  function drain(): boolean {
    const waiting = buffer
    buffer = []
    return waiting.every(advance)
  }

  async function catchUp(): Promise<void> {
    if (reading) {
      again = true
      return reading
    }
    reading = readAll().finally(() => (reading = undefined))
    return reading
  }

  function keepUp(): void {
    catchUp().catch(() => {
      if (!closed) setTimeout(keepUp, RETRY_MS).unref()
    })
  }

  return {
    position: () => position,
    live: () => live,
    push(event) {
      if (closed) return
      if (event.id === null) {
        // A nudge has no place in the history.
        if (live) deliver(event)
      } else if (!live) {
        if (buffer.length >= LONGEST_BUFFER) buffer = []
        buffer.push(event)
      } else if (!advance(event)) {
        live = false
        buffer.push(event)
        keepUp()
      }
    },
    catchUp,
    keepUp,
    close() {
      closed = true
      buffer = []
    },
  }
}
