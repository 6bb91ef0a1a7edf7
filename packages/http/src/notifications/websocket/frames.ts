import type { NotifierEvent, NotifierMessage } from '@penknife/core'

import type { Part, Piece } from '../../piece.ts'
import type { Refusal } from '../session/connection.ts'
import type { Farewell } from '../session/transport.ts'

// The texts of the server's frames in the subprotocol penknife.v1: docs/protocol.md.

export const SUBPROTOCOL = 'penknife.v1'

/** Builds the text of events. The last one is remembered, because many clients get the same event one after the other. */
export class EventFrames {
  #message: NotifierMessage | undefined
  #text = ''

  of(event: NotifierEvent): string {
    if (event.kind === 'reset') return resetFrame(event.channel, event.id)
    if (event.kind === 'state') {
      const { channel, id, state } = event
      return JSON.stringify({ kind: 'state', channel, id, state: state ?? null })
    }
    if (event !== this.#message) {
      this.#message = event
      this.#text = messageFrame(event)
    }
    return this.#text
  }
}

function messageFrame({ channel, id, type, json }: NotifierMessage): string {
  // `json` is the JSON text that was published.
  return `${JSON.stringify({ kind: 'event', channel, id, type }).slice(0, -1)},"data":${json}}`
}

export function resetFrame(channel: string, id: string | undefined): string {
  return JSON.stringify({ kind: 'reset', channel, id: id ?? null })
}

export function positionFrame(channel: string, id: string): string {
  return JSON.stringify({ kind: 'position', channel, id })
}

export function revokedFrame(channel: string): string {
  return JSON.stringify({ kind: 'revoked', channel })
}

/** Why a numbered frame of the client failed as a whole. */
export type ReplyError = 'forbidden' | 'failed' | 'unsupported'

export interface ReplyContent {
  readonly error?: ReplyError
  /** The channels that the client does not follow. */
  readonly refused?: ReadonlyMap<string, Refusal>
}

export function replyFrame(n: number, { error, refused }: ReplyContent = {}): string {
  return JSON.stringify({
    kind: 'reply',
    n,
    ...(error ? { error } : {}),
    ...(refused && refused.size > 0 ? { refused: Object.fromEntries(refused) } : {}),
  })
}

/** The end of a connection: the code of the close frame, and the frame before it. */
export interface Goodbye {
  readonly code: number
  readonly reason: string
  readonly text: string
}

const CODES = { reconnect: 4000, revoked: 4001, connections: 4002 } as const

export function goodbyeOf(farewell: Farewell): Goodbye {
  if (farewell.kind === 'closed') return goodbye(CODES[farewell.reason as 'revoked'], farewell.reason, false)
  const { afterMs } = farewell
  return goodbye(CODES.reconnect, 'reconnect', true, afterMs)
}

/** The end of a connection whose client broke the protocol. */
export function violation(code: number, reason: string): Goodbye {
  return goodbye(code, reason, false)
}

function goodbye(code: number, reason: string, reconnect: boolean, afterMs?: number): Goodbye {
  const after = afterMs === undefined ? {} : { afterMs: Math.round(afterMs) }
  return { code, reason, text: JSON.stringify({ kind: 'closed', code, reason, reconnect, ...after }) }
}

const TEXT = 0x81
const PING = Buffer.from([0x89, 0])

/** The bytes of text frames. A server's frames are not masked, so all clients get the same bytes. */
export function framesOf(queue: readonly Part[]): Piece {
  const sizes = queue.map((part) => Buffer.byteLength(part))
  const bytes = Buffer.allocUnsafe(sizes.reduce((sum, size) => sum + headerSize(size) + size, 0))
  let at = 0
  for (const [nth, part] of queue.entries()) {
    const size = sizes[nth] as number
    at = writeHeader(bytes, at, size)
    if (typeof part === 'string') bytes.write(part, at)
    else bytes.set(part, at)
    at += size
  }
  return { bytes, chunk: bytes }
}

/** A frame that pages see, and a ping that clients answer by themselves. */
export const HEARTBEAT: Piece = heartbeat()

function heartbeat(): Piece {
  const bytes = Buffer.concat([framesOf(['{"kind":"ping"}']).bytes, PING])
  return { bytes, chunk: bytes }
}

function headerSize(size: number): number {
  if (size < 126) return 2
  return size < 65_536 ? 4 : 10
}

function writeHeader(bytes: Buffer, at: number, size: number): number {
  bytes[at] = TEXT
  if (size < 126) {
    bytes[at + 1] = size
    return at + 2
  }
  if (size < 65_536) {
    bytes[at + 1] = 126
    return bytes.writeUInt16BE(size, at + 2)
  }
  bytes[at + 1] = 127
  return bytes.writeBigUInt64BE(BigInt(size), at + 2)
}
