import type { NotifierSubscription } from '@penknife/core'

import { advance, createCursor, type Cursor } from './cursor.ts'
import type { EarlyEvents } from './early-events.ts'
import type { Start } from './resume.ts'
import type { Transport } from './transport.ts'

/** The channels that a client follows, and where it begins in each. */
export interface Followed extends Start {
  readonly channels: readonly string[]
  /** Requested channels that the client may not follow. */
  readonly refused: readonly string[]
}

/** Writes the position in each channel, then the resets, then all events so far. Returns the client's cursor. */
export function writeStart(
  transport: Transport,
  { channels, from, lost, refused }: Followed,
  early: EarlyEvents,
  subscription: NotifierSubscription,
): Cursor {
  const positions = early.positionsBefore(channels, from, subscription)
  // A channel with lost history gets no position before its reset is written: the client may be disconnected in between.
  const kept = [...positions].filter(([channel]) => !lost.includes(channel))
  const cursor = createCursor(channels, new Map(kept))
  const position = cursor.text()
  if (position !== '') transport.position(position)
  for (const channel of refused) transport.revoked(channel, position)
  for (const channel of lost) {
    const found = positions.get(channel)
    if (found !== undefined) cursor.set(channel, found)
    transport.reset(channel, cursor.text())
  }
  for (const event of early.events) {
    advance(cursor, event)
    transport.event(event, cursor)
  }
  return cursor
}
