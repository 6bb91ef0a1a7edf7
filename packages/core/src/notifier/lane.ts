import { isOutage } from '../errors.ts'
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

export interface LaneOptions {
  readonly channel: string
  /** Position to begin after; '-' before the oldest event kept, '+' at the end. */
  readonly from: string
  readonly history: History
  /** Takes an event, and the position before it. */
  readonly deliver: (event: NotifierEvent, before: string) => void
  /** The types to deliver; all without it. */
  readonly types?: ReadonlySet<string> | undefined
  /** Loads the state that the events after a position change. */
  readonly getState?: ((channel: string) => unknown) | undefined
}

export interface Lane {
  /** Id of the last event delivered or passed over. */
  position(): string
  /** A live message came. */
  push(event: NotifierMessage): void
  /** Whether it takes events as they come, and is not reading history. */
  live(): boolean
  /** Reads the first page, or finds the end; the rest of the history follows by itself. */
  begin(): Promise<void>
  /** Something may have been missed: reads the history up to its end, trying until it could, then goes on live. */
  keepUp(): void
  /** Delivers nothing and keeps nothing until `resume`, which reads on from where it was. */
  pause(): void
  resume(): void
  close(): void
}

/** An event as a page of history has it; without a type it is only a step on the way. */
type KeptEvent = readonly [id: string, coalesce: string, type: string, json: string]

/** Events read at once; a page also ends at about 128 KiB. */
export const PAGE = 200
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
export function createLane({ channel, from, history, deliver, types, getState }: LaneOptions): Lane {
  let position = from
  let live = false
  let paused = false
  let closed = false
  let buffer: NotifierMessage[] = []
  let reading: Promise<void> | undefined
  let again = false
  let begun: (() => void) | undefined
  let warned = false

  function tell(event: NotifierMessage, before: string): void {
    if (!types || types.has(event.type)) deliver(event, before)
  }

  /** Delivers an event that follows the position; false when it does not. Older ones count as delivered. */
  function advance(event: NotifierMessage): boolean {
    if (paused) return false
    const at = parsePosition(position)
    const next = parsePosition(event.id as string)
    if (!at || !next) return false
    const fresh = at.epoch === '0'
    if (!fresh && at.epoch !== next.epoch) return false
    if (!fresh && next.offset <= at.offset) return next.offset < at.offset || event.id === position
    if (next.offset !== at.offset + 1) return false
    const before = position
    position = event.id as string
    tell(event, before)
    return true
  }

  async function readAll(): Promise<void> {
    live = false
    do {
      again = false
      const atEnd = await readPage()
      if (closed) return
      begun?.()
      if (paused) return
      if (!atEnd || !drain()) again = true
    } while (again)
    live = true
  }

  /** Reads on from the position; true at the end of the history. */
  async function readPage(): Promise<boolean> {
    if (position === '+') {
      const top = await history.top()
      await startAt(top, false)
      return true
    }
    const [state, top, ...events] = await history.since(position, PAGE, () => closed || paused)
    if (closed || paused) return false
    if (state === 'lost') await startAt(top as string, true)
    else if (events.length === 0) position = top as string
    for (const [id, type, json] of newest(toKept(events))) {
      const before = position
      position = id
      if (type !== '') tell(message(channel, id, type, json), before)
      if (closed || paused) return false
    }
    return position === top
  }

  /** Goes to a position without the events before it: with the state there, or with a reset when some were lost. */
  async function startAt(top: string, lost: boolean): Promise<void> {
    // Loaded after the position is known: what happens from now on comes as events.
    const state = getState && (await getState(channel))
    if (closed) return
    const before = position
    position = top
    if (getState) deliver({ kind: 'state', channel, id: top, state }, before)
    else if (lost) deliver({ kind: 'reset', channel, id: top }, before)
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
    reading = readAll().finally(() => {
      reading = undefined
      // Resumed while the last page was on its way.
      if (again && !closed && !paused) keepUp()
    })
    return reading
  }

  function keepUp(): void {
    if (paused) return
    catchUp().catch((error: unknown) => {
      if (closed) return
      // Redis will be back; what getState throws should not pass unseen.
      if (!isOutage(error) && !warned) process.emitWarning(error instanceof Error ? error : String(error))
      warned = !isOutage(error)
      setTimeout(keepUp, RETRY_MS).unref()
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
      if (closed || paused) return
      if (event.id === null) {
        // A nudge has no place in the history.
        if (live) tell(event, position)
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
    pause() {
      paused = true
      live = false
      buffer = []
    },
    resume() {
      if (!paused) return
      paused = false
      keepUp()
    },
    close() {
      closed = true
      buffer = []
    },
  }
}

/** The events of a page of history. */
export function toKept(events: readonly Reply[]): readonly KeptEvent[] {
  return events as unknown as readonly KeptEvent[]
}

/** The events of a page, where one that a later one supersedes is only a step on the way. */
function newest(
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
