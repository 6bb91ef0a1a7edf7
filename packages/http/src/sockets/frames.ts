import type { Part, Piece } from '../piece.ts'

// What all WebSockets of penknife have in common on the wire: docs/protocol.md.

export const SUBPROTOCOL = 'penknife.v1'

/** The end of a connection: the code of the close frame, and the frame before it. */
export interface Goodbye {
  readonly code: number
  readonly reason: string
  readonly text: string
}

/** Asks a client to connect again, after this time if it is given. */
export function reconnectLater(afterMs?: number): Goodbye {
  return goodbye(4000, 'reconnect', true, afterMs)
}

/** The end of a connection whose client broke the protocol. */
export function violation(code: number, reason: string): Goodbye {
  return goodbye(code, reason, false)
}

export function goodbye(code: number, reason: string, reconnect: boolean, afterMs?: number): Goodbye {
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
