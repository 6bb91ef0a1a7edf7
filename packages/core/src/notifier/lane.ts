import type { Reply } from '../redis/script.ts'
import { message, parsePosition } from './messages.ts'
import type { NotifierEvent, NotifierMessage } from './types.ts'

/** Where a lane reads a channel's history. */
export interface History {
  /**
   * Whether the position still holds, the position at the end, and the events after it, as many as fit. Reads
   * nothing when its turn comes and `cancelled`.
   */
  since(position: string, count: number, cancelled: () => boolean): Promise<readonly Reply[]>
  /** The position at the end. */
  top(): Promise<string>
}

export interface Lane {
  /** Id of the last event delivered. */
  position(): string
  /** A live message came. */
  push(event: NotifierMessage): void
  /** Whether it takes events as they come, and is not reading history. */
  live(): boolean
  /** Reads the first page, or finds the end; the rest of the history follows by itself. */
  begin(): Promise<void>
  /** Something may have been missed: reads the history up to its end, trying until it could, then goes on live. */
  keepUp(): void
  close(): void
}

/** Events read at once; a page also ends at about 128 KiB. */
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
  history: History,
  deliver: (event: NotifierEvent) => void,
): Lane {
  let position = from
  let live = false
  let closed = false
  let buffer: NotifierMessage[] = []
  let reading: Promise<void> | undefined
  let again = false
  let begun: (() => void) | undefined

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
      const atEnd = await readPage()
      if (closed) return
      begun?.()
      if (!atEnd || !drain()) again = true
    } while (again)
    live = true
  }

  /** Reads on from the position; true at the end of the history. */
  async function readPage(): Promise<boolean> {
    if (position === '+') {
      position = await history.top()
      return true
    }
    const [state, top, ...events] = await history.since(position, PAGE, () => closed)
    if (closed) return true
    if (state === 'lost') {
      position = top as string
      deliver({ kind: 'reset', channel, id: position })
    } else if (events.length === 0) position = top as string
    for (const [id, fields] of events as [string, string[]][]) {
      position = id
      deliver(message(channel, id, fields[1] as string, fields[3] as string))
      if (closed) return true
    }
    return position === top
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

  /** Rejects when not even the first page could be read; what fails after it is tried again. */
  function begin(): Promise<void> {
    return new Promise((resolve, reject) => {
      let first = true
      begun = () => {
        first = false
        resolve()
      }
      catchUp().catch((error: unknown) => {
        if (first) reject(error)
        else keepUp()
      })
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
    begin,
    keepUp,
    close() {
      closed = true
      buffer = []
    },
  }
}
