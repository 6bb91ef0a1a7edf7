import type { NotifierEvent, NotifierMessage, NotifierState } from '@penknife/core'

import type { Cursor } from '../session/cursor.ts'
import type { Farewell } from '../session/transport.ts'
import { type Format, inEnvelope } from './format.ts'

/** Builds the text of events, once for all clients that get the same text. */
export interface EventFrames {
  /** The cursor is already at the event. */
  of(event: NotifierEvent, cursor: Cursor): string
}

/** The text of a message for the clients whose cursor has the same text. */
interface Built {
  readonly id: string | undefined
  readonly text: string
  readonly body: Body
}

/** The lines of an event. */
interface Body {
  /** Comes before the position in the line `id`. */
  readonly own: string
  readonly lines: string
}

/**
 * Remembers the texts of a tick until its end, because nearly all clients get them in the same tick. A WeakMap for longer would
 * cost the garbage collector more than it saves.
 */
export function createEventFrames(format: Format = inEnvelope): EventFrames {
  /** The last text of each message. */
  const built = new Map<NotifierMessage, Built>()
  /** The texts for clients of one channel. Their cursors are all at the message. */
  const sole = new Map<NotifierMessage, string>()

  function forget(): void {
    built.clear()
    sole.clear()
  }

  function frameOf(message: NotifierMessage, id: string | undefined): string {
    const last = built.get(message)
    if (last && last.id === id) return last.text
    const body = last?.body ?? bodyOf(message)
    const text = body ? frame(body, id) : lostFrame(message, id)
    if (built.size === 0) setImmediate(forget)
    if (body) built.set(message, { id, text, body })
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

  /** Undefined if the application's format failed. */
  function bodyOf(event: NotifierMessage | NotifierState): Body | undefined {
    const fields = format(event)
    if (!fields) return undefined
    const { type, data, id } = fields
    const lines = `event: ${oneLine(type)}\n${typeof data === 'string' ? dataLines(data) : `data: ${oneLine(data.json)}\n`}\n`
    return { own: id === undefined ? '' : `${id},`, lines }
  }

  function stateFrame(state: NotifierState, id: string): string {
    const body = bodyOf(state)
    return body ? frame(body, id) : resetFrame(state.channel, id)
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

/** The text of one event. Without an `id` there is no position to resume from. */
function frame({ own, lines }: Body, id: string | undefined): string {
  return id === undefined ? lines : `id: ${own}${id}\n${lines}`
}

/** Instead of a message that the application could not format. A nudge is left out. */
function lostFrame({ channel }: NotifierMessage, id: string | undefined): string {
  return id === undefined ? HEARTBEAT_FRAME : resetFrame(channel, id)
}

/** Tells a client to load a channel's state again. */
export function resetFrame(channel: string, id: string): string {
  return `id: ${id}\nevent: reset\ndata: ${JSON.stringify({ channel })}\n\n`
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

/** Text of any lines, each in a line `data`. */
function dataLines(text: string): string {
  return text
    .split(/\r\n|\r|\n/)
    .map((line) => `data: ${line}\n`)
    .join('')
}

/** Replaces line breaks by spaces. JSON has them only between its tokens. */
function oneLine(text: string): string {
  return /[\r\n]/.test(text) ? text.replaceAll(/[\r\n]+/g, ' ') : text
}
