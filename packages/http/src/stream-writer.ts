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
