import type { NotifierEvent, Subscription } from '@penknife/core'

import type { StreamWriter } from '../writer.ts'
import { createCursor, type Cursor } from './cursor.ts'
import { messageFrame, positionFrame, resetFrame, stateFrame } from './frames.ts'

/** What one client is told of its channels, in the order in which it may be told. */
export interface Feed {
  /** For the subscription; keeps events until `start`, up to a bound. */
  onEvent(event: NotifierEvent): void
  /**
   * Goes live: first where each channel stands, then the resets, then all events so far. False when there were
   * more than could be kept: the client has to come back for the rest.
   */
  start(writer: StreamWriter, subscription: Subscription): boolean
}

export interface FeedOptions {
  readonly channels: readonly string[]
  /** Positions the client resumes from. */
  readonly from: ReadonlyMap<string, string>
  /** Channels whose position the client lost or garbled. */
  readonly lost: readonly string[]
}

/** Characters of JSON kept for a client that is not live yet; well below what its writer may leave unsent. */
const MOST_HELD = 524_288

/**
 * A client must never get an `id` that skips an event it has not got. Positions become known one channel at a
 * time, so a channel whose first event is still being held back is left out of the cursor until that event went
 * out; a client cut off in between is told to load that channel afresh (`reset`), never left with a gap.
 */
export function createFeed({ channels, from, lost }: FeedOptions): Feed {
  let held: NotifierEvent[] = []
  let heldSize = 0
  const moved = new Set<string>()
  let live: { readonly writer: StreamWriter; readonly cursor: Cursor } | undefined

  return {
    onEvent(event) {
      if (live) return live.writer.write(frame(event, live.cursor))
      if (event.id !== null) moved.add(event.channel)
      if (heldSize <= MOST_HELD) held.push(event)
      heldSize += event.kind === 'message' ? event.json.length + 100 : 100
    },
    start(writer, subscription) {
      const cursor = createCursor(channels, startPositions(channels, from, moved, subscription))
      if (cursor.text() !== '') writer.write(positionFrame(cursor.text()))
      for (const channel of lost) writer.write(resetFrame(channel, cursor.text()))
      for (const event of held) writer.write(frame(event, cursor))
      held = []
      if (heldSize > MOST_HELD) return false
      live = { writer, cursor }
      return true
    },
  }
}

function frame(event: NotifierEvent, cursor: Cursor): string {
  if (event.id !== null) cursor.set(event.channel, event.id)
  if (event.kind === 'reset') return resetFrame(event.channel, cursor.text())
  if (event.kind === 'state') return stateFrame(event, cursor.text())
  return messageFrame(event, event.id === null ? undefined : cursor.text())
}

function startPositions(
  channels: readonly string[],
  from: ReadonlyMap<string, string>,
  moved: ReadonlySet<string>,
  subscription: Subscription,
): Map<string, string> {
  const now = subscription.cursors()
  const positions = new Map(from)
  for (const channel of channels) {
    const position = now[channel]
    if (!positions.has(channel) && !moved.has(channel) && position !== undefined)
      positions.set(channel, position)
  }
  return positions
}
