import type { NotifierEvent, NotifierMessage, NotifierState } from '@penknife/core'

import type { Cursor } from './cursor.ts'

/** The text of an event; the cursor goes to where the event is. */
export function eventFrame(event: NotifierEvent, cursor: Cursor): string {
  if (event.id !== null) {
    cursor.set(event.channel, event.id)
    if (event.kind === 'message' && cursor.sole) return soleFrame(event, cursor)
  }
  if (event.kind === 'reset') return resetFrame(event.channel, cursor.text())
  if (event.kind === 'state') return stateFrame(event, cursor.text())
  return messageFrame(event, event.id === null ? undefined : cursor.text())
}

/**
 * The text of one event: `id` only where there is a position to resume from, `event` the message's type, `data`
 * `{"channel":…,"data":…}` with the JSON text as it was published.
 *
 * Connections with the same position get the very same string, so that it is built once.
 */
export function messageFrame(message: NotifierMessage, id: string | undefined): string {
  const last = built.get(message)
  if (last && last.id === id) return last.text
  const data = `{"channel":${JSON.stringify(message.channel)},"data":${oneLine(message.json)}}`
  const text = `${id === undefined ? '' : `id: ${id}\n`}event: ${oneLine(message.type)}\ndata: ${data}\n\n`
  if (built.size === 0) setImmediate(forget)
  built.set(message, { id, text })
  return text
}

/** The same for a client of one channel: all of them are where the message is. */
function soleFrame(message: NotifierMessage, cursor: Cursor): string {
  let text = sole.get(message)
  if (text === undefined) {
    text = messageFrame(message, cursor.text())
    sole.set(message, text)
  }
  return text
}

/**
 * What was built in this turn, in which nearly all clients are told; a WeakMap for longer would cost the garbage
 * collector more than it saves.
 */
const built = new Map<NotifierMessage, { readonly id: string | undefined; readonly text: string }>()
const sole = new Map<NotifierMessage, string>()

function forget(): void {
  built.clear()
  sole.clear()
}

/** The event that tells a client to load a channel's state afresh. */
export function resetFrame(channel: string, id: string): string {
  return `id: ${id}\nevent: reset\ndata: ${JSON.stringify({ channel })}\n\n`
}

/** A channel's state as `getState` loaded it; every event after it follows. */
export function stateFrame({ channel, state }: NotifierState, id: string): string {
  return `id: ${id}\nevent: state\ndata: ${JSON.stringify({ channel, state })}\n\n`
}

/** Tells that a channel may not be followed any more; the other channels go on. */
export function revokedFrame(channel: string, id: string): string {
  const position = id === '' ? '' : `id: ${id}\n`
  return `${position}event: revoked\ndata: ${JSON.stringify({ channel })}\n\n`
}

/** Begins the id of a client that was closed for good: a client that comes back by itself with it is stopped. */
export const CLOSED_MARK = '!'

/** The last event of a client that is not to come back by itself; with `cursor` a page can ask to go on. */
export function closedFrame(reason: string, cursor: string): string {
  return `id: ${CLOSED_MARK}${cursor}\nevent: closed\ndata: ${JSON.stringify({ reason, cursor })}\n\n`
}

/** Moves the client's position without an event. */
export function positionFrame(id: string): string {
  return `id: ${id}\n\n`
}

/** Tells the client how long to wait before it reconnects. */
export function retryFrame(milliseconds: number): string {
  return `retry: ${Math.round(milliseconds)}\n\n`
}

/** A comment that clients ignore and proxies count as life. */
export const HEARTBEAT_FRAME = ':\n\n'

/** JSON has line breaks only between its tokens, where a space does as well. */
function oneLine(text: string): string {
  return /[\r\n]/.test(text) ? text.replaceAll(/[\r\n]+/g, ' ') : text
}
