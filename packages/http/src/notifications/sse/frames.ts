import type { NotifierEvent, NotifierMessage, NotifierState } from '@penknife/core'

import type { Cursor } from '../session/cursor.ts'
import type { Farewell } from '../session/transport.ts'

/** Builds the text of events, each once for all that are to get the same. */
export interface EventFrames {
  /** The cursor is at the event already. */
  of(event: NotifierEvent, cursor: Cursor): string
}

/**
 * What was built in this tick is remembered until its end, in which nearly all clients get it. A WeakMap for longer would
 * cost the garbage collector more than it saves.
 */
export function createEventFrames(): EventFrames {
  /** The last text of a message, and its id there. */
  const built = new Map<NotifierMessage, { readonly id: string | undefined; readonly text: string }>()
  /** For clients of one channel, which all are where the message is. */
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
 * The text of one event: `id` only where there is a position to resume from, `event` the message's type, `data`
 * `{"channel":…,"data":…}` with the JSON text as it was published.
 */
export function messageFrame(message: NotifierMessage, id: string | undefined): string {
  const data = `{"channel":${JSON.stringify(message.channel)},"data":${oneLine(message.json)}}`
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${oneLine(message.type)}\ndata: ${data}\n\n`
}

/** Makes a client load a channel's state afresh. */
export function resetFrame(channel: string, id: string): string {
  return `id: ${id}\nevent: reset\ndata: ${JSON.stringify({ channel })}\n\n`
}

/** A channel's state as `getState` loaded it; every event after it follows. */
export function stateFrame({ channel, state }: NotifierState, id: string): string {
  return `id: ${id}\nevent: state\ndata: ${JSON.stringify({ channel, state })}\n\n`
}

/** The client may follow the channel no longer; the other channels go on. */
export function revokedFrame(channel: string, id: string): string {
  const position = id === '' ? '' : `id: ${id}\n`
  return `${position}event: revoked\ndata: ${JSON.stringify({ channel })}\n\n`
}

/** Begins the id of a client that was closed for good: a client that comes back by itself with it is stopped. */
export const CLOSED_MARK = '!'

/** The last that a client gets. A page that was closed can ask to go on from `cursor`. */
export function farewellFrame(farewell: Farewell): string {
  if (farewell.kind === 'come back') return retryFrame(farewell.afterMs)
  const { reason, cursor } = farewell
  return `id: ${CLOSED_MARK}${cursor}\nevent: closed\ndata: ${JSON.stringify({ reason, cursor })}\n\n`
}

/** Moves the client's position without an event. */
export function positionFrame(id: string): string {
  return `id: ${id}\n\n`
}

/** How long the client is to wait before it reconnects; empty for as long as it likes. */
export function retryFrame(ms: number | undefined): string {
  return ms === undefined ? '' : `retry: ${Math.round(ms)}\n\n`
}

/** A comment, which clients ignore and which keeps proxies from closing the connection. */
export const HEARTBEAT_FRAME = ':\n\n'

/** JSON has line breaks only between its tokens, where a space does as well. */
function oneLine(text: string): string {
  return /[\r\n]/.test(text) ? text.replaceAll(/[\r\n]+/g, ' ') : text
}
