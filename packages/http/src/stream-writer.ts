import type { Socket } from 'node:net'

import type { Piece } from './piece.ts'

/**
 * Writes a response in parts. All parts of one event-loop tick are sent in one write, or in one write for every 32 KiB.
 */
export interface StreamWriter {
  /** Queues text (sent as UTF-8) or bytes for the end of this tick. Does nothing once it is closed. */
  write(chunk: string | Uint8Array): void
  /** Bytes (of queued text: characters) that the client has not received yet. */
  readonly unsentBytes: number
  /** Calls the listener once, when the connection has sent everything that was written. */
  onDrain(listener: () => void): void
  /** Whether either side has ended it. */
  readonly closed: boolean
  /** Calls the listener once when the stream has ended, for any reason; at once if it has ended already. */
  onClose(listener: () => void): void
  /** Sends the queued parts and ends the response. */
  end(): void
  /** Call it after `end`. Resolves when the connection has sent everything; after `graceMs` it cuts the connection. */
  finished(graceMs: number): Promise<void>
  /** Cuts the connection (on HTTP/2 the stream) and drops the queued parts. */
  destroy(): void
}

/** penknife's own writers. Many of them can be written to together: the bytes are made once (writer-group.ts). */
export interface SharedWriter extends StreamWriter {
  /** The socket, if whole chunks may be written to it directly. */
  readonly socket: Socket | undefined
  /** Whether the buffer of the client is full since the last write. */
  readonly full: boolean
  /** Sends a piece without the queue. Returns whether there is room for more. */
  send(piece: Piece): boolean
  /** Called when a write to `socket` filled its buffer. */
  filled(): void
  /** Sends the queued parts. */
  flush(): void
}

export function isShared(writer: StreamWriter): writer is SharedWriter {
  return 'send' in writer
}
