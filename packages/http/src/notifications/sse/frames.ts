import type { NotifierEvent, NotifierMessage, NotifierState } from '@penknife/core'

import type { Cursor } from '../session/cursor.ts'
import type { Farewell } from '../session/transport.ts'

/** Builds the text of events, once for all clients that get the same text. */
export interface EventFrames {
  /** The cursor is already at the event. */
  of(event: NotifierEvent, cursor: Cursor): string
}

/**
 * Remembers the texts of a tick until its end, because nearly all clients get them in the same tick. A WeakMap for longer would
 * cost the garbage collector more than it saves.
 */
export function createEventFrames(): EventFrames {
  /** The last text of each message, with the `id` in that text. */
  const built = new Map<NotifierMessage, { readonly id: string | undefined; readonly text: string }>()
  /** The texts for clients of one channel. Their cursors are all at the message. */
  const sole = new Map<NotifierMessage, string>()

  function forget(): void {
    built.clear()
    sole.clear()
  }

  function frameOf(message: NotifierMessage, id: string | undefined): string {
    const last = built.get(message)
    if (last && last.id === id) return last.text
    const text = messageFrame(message, id)
    if (built.size === 0) setImmediate(forget)
    built.set(message, { id, text })
    return text
  }

  function soleFrame(message: NotifierMessage, cursor: Cursor): string {
    let text = sole.get(message)
    if (text === undefined) {
      text = frameOf(message, cursor.text())
      sole.set(message, text)
    }
    return text
  }

  return {
    of(event, cursor) {
      if (event.kind === 'reset') return resetFrame(event.channel, cursor.text())
      if (event.kind === 'state') return stateFrame(event, cursor.text())
      if (event.id === null) return frameOf(event, undefined)
      return cursor.sole ? soleFrame(event, cursor) : frameOf(event, cursor.text())
    },
  }
}

/**
 * The text of one event: `id` if there is a position to resume from, `event` with the message's type, and `data` with
 * `{"channel":…,"data":…}`, which has the JSON text that was published.
 */
export function messageFrame(message: NotifierMessage, id: string | undefined): string {
  const data = `{"channel":${JSON.stringify(message.channel)},"data":${oneLine(message.json)}}`
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${oneLine(message.type)}\ndata: ${data}\n\n`
}

/** Tells a client to load a channel's state again. */
export function resetFrame(channel: string, id: string): string {
  return `id: ${id}\nevent: reset\ndata: ${JSON.stringify({ channel })}\n\n`
}

/** A channel's state, as `getState` loaded it. Every later event follows. */
export function stateFrame({ channel, state }: NotifierState, id: string): string {
  return `id: ${id}\nevent: state\ndata: ${JSON.stringify({ channel, state })}\n\n`
}

/** Tells a client that it may no longer follow the channel. The other channels continue. */
export function revokedFrame(channel: string, id: string): string {
  const position = id === '' ? '' : `id: ${id}\n`
  return `${position}event: revoked\ndata: ${JSON.stringify({ channel })}\n\n`
}

/** The prefix of the id of a `closed` event. A client that reconnects with such an id is stopped. */
export const CLOSED_PREFIX = '!'

/** The last message to a client. A page that was closed may offer to continue from `cursor`. */
export function farewellFrame(farewell: Farewell): string {
  if (farewell.kind === 'reconnect') return retryFrame(farewell.afterMs)
  const { reason, cursor } = farewell
  return `id: ${CLOSED_PREFIX}${cursor}\nevent: closed\ndata: ${JSON.stringify({ reason, cursor })}\n\n`
}

/** Moves the client's position without an event. */
export function positionFrame(id: string): string {
  return `id: ${id}\n\n`
}

/** The time after which the client should reconnect. Empty text: its own time. */
export function retryFrame(ms: number | undefined): string {
  return ms === undefined ? '' : `retry: ${Math.round(ms)}\n\n`
}

/** A comment, which clients ignore and which keeps proxies from closing the connection. */
export const HEARTBEAT_FRAME = ':\n\n'

/** Replaces line breaks by spaces. JSON has them only between its tokens. */
function oneLine(text: string): string {
  return /[\r\n]/.test(text) ? text.replaceAll(/[\r\n]+/g, ' ') : text
}
