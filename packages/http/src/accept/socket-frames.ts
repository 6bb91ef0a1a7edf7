import { numbered, type NumberedFrame } from '../sockets/client.ts'
import { type Goodbye, reconnectLater } from '../sockets/frames.ts'
import type { SocketWriter } from '../sockets/writer.ts'
import type { Follower } from './follow.ts'

/** A frame of a client that follows an entry, after it was checked. */
export interface AcceptFrame extends NumberedFrame {
  readonly kind: 'cancel' | 'ping'
}

/** Parses a client's text. Returns what is wrong with it, if anything is. */
export function readAcceptFrame(text: string): AcceptFrame | string {
  const frame = numbered(text)
  if (typeof frame === 'string') return frame
  const { kind, n } = frame
  return kind === 'cancel' || kind === 'ping' ? { kind, n } : 'kind is unknown'
}

/** Writes the events of one entry to a WebSocket. */
export class SocketFollower implements Follower {
  readonly #writer: SocketWriter

  constructor(writer: SocketWriter) {
    this.#writer = writer
  }

  get closed(): boolean {
    return this.#writer.closed
  }

  onClose(listener: () => void): void {
    this.#writer.onClose(listener)
  }

  event(kind: string, data: object, id?: string): void {
    this.#writer.write(eventText(kind, data, id))
  }

  end(kind: string, data: object, id: string): void {
    this.#writer.close(lastEvent(eventText(kind, data, id)))
  }

  reconnect(afterMs: number): void {
    this.#writer.close(reconnectLater(afterMs))
  }

  keepAlive(): void {
    this.#writer.keepAlive()
  }

  finished(graceMs: number): Promise<void> {
    return this.#writer.finished(graceMs)
  }
}

function eventText(kind: string, data: object, id: string | undefined): string {
  return JSON.stringify({ kind, ...(id !== undefined && { id }), data })
}

function lastEvent(text: string): Goodbye {
  return { code: 1000, reason: 'end', text }
}
