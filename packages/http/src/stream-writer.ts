/**
 * Writes a response bit by bit; all that is written in one tick of the event loop goes out in one write, or in one for
 * every 32 KiB.
 */
export interface StreamWriter {
  /** Queues text (sent as UTF-8) or bytes for the end of this tick. Nothing happens once it is closed. */
  write(chunk: string | Uint8Array): void
  /** Bytes (of text: characters) that the client has not taken yet. */
  readonly unsentBytes: number
  /** Calls once when the client took all that was written, or some of it was still on its way before. */
  onDrain(listener: () => void): void
  /** Ended by either side. */
  readonly closed: boolean
  /** Calls once when the stream is over, for whichever reason; at once when it is already. */
  onClose(listener: () => void): void
  /** Sends what is queued and ends the response. */
  end(): void
  /** Resolves when the connection took everything after `end`, or is cut off `graceMs` later. */
  finished(graceMs: number): Promise<void>
  /** Cuts the connection (on HTTP/2 the stream) and drops what is queued. */
  destroy(): void
}
