import type { NotifierEvent } from '@penknife/core'

import { createFlushes, type Flushes } from '../../flushes.ts'
import { framesOf } from '../../sockets/frames.ts'
import type { SocketWriter } from '../../sockets/writer.ts'
import { WriterGroup } from '../../writer-group.ts'
import type { ConnectionTransport } from '../session/connection.ts'
import { solePosition } from '../session/cursor.ts'
import type { Farewell, GroupMember, Transport, TransportGroup, TransportKind } from '../session/transport.ts'
import { EventFrames, goodbyeOf, positionFrame, resetFrame, revokedFrame } from './frames.ts'

/** The WebSockets of one middleware. */
export interface WebSockets extends TransportKind {
  readonly flushes: Flushes
  transport(writer: SocketWriter): SocketTransport
}

export function createWebSockets(): WebSockets {
  const frames = new EventFrames()
  const flushes = createFlushes(framesOf)
  return {
    flushes,
    transport: (writer) => new SocketTransport(writer, frames),
    createGroup<Member extends GroupMember>(onFull: (member: Member) => void): TransportGroup<Member> {
      const writerOf = (member: Member): SocketWriter => (member.transport as ChannelTransport).writer
      const writers = new WriterGroup<Member>({ flushes, writerOf, onFull, join: framesOf })
      return {
        get size() {
          return writers.size
        },
        add: (member) => writers.add(member),
        delete: (member) => writers.delete(member),
        event: (event) => writers.write(frames.of(event)),
      }
    },
  }
}

/** Writes frames to one WebSocket. */
export class SocketTransport implements ConnectionTransport {
  readonly writer: SocketWriter
  readonly #frames: EventFrames

  constructor(writer: SocketWriter, frames: EventFrames) {
    this.writer = writer
    this.#frames = frames
  }

  channel(channel: string): Transport {
    return new ChannelTransport(channel, this.writer, this.#frames)
  }

  revoked(channel: string): void {
    this.writer.write(revokedFrame(channel))
  }

  keepAlive(): void {
    this.writer.keepAlive()
  }

  close(farewell: Farewell, graceMs: number): Promise<void> {
    return this.writer.leave(goodbyeOf(farewell), graceMs)
  }
}

/** Writes the frames of one channel. Its end is not that of the socket. */
class ChannelTransport implements Transport {
  readonly writer: SocketWriter
  readonly #channel: string
  readonly #frames: EventFrames
  #onClose: (() => void) | undefined

  constructor(channel: string, writer: SocketWriter, frames: EventFrames) {
    this.#channel = channel
    this.writer = writer
    this.#frames = frames
  }

  open(): void {}

  event(event: NotifierEvent): void {
    this.writer.write(this.#frames.of(event))
  }

  position(cursor: string): void {
    const position = solePosition(cursor)
    if (position !== undefined) this.writer.write(positionFrame(this.#channel, position))
  }

  reset(channel: string, cursor: string): void {
    this.writer.write(resetFrame(channel, solePosition(cursor)))
  }

  revoked(channel: string): void {
    this.writer.write(revokedFrame(channel))
  }

  /** The connection writes heartbeats. */
  keepAlive(): void {}

  /** The client knows the end of the channel: it left, or got `revoked`. */
  async close(): Promise<void> {
    this.#onClose?.()
  }

  destroy(): void {
    this.writer.destroy()
  }

  get unsentBytes(): number {
    return this.writer.unsentBytes
  }

  get full(): boolean {
    return this.writer.full
  }

  flush(): void {
    this.writer.flush()
  }

  onDrain(listener: () => void): void {
    this.writer.onDrain(listener)
  }

  get closed(): boolean {
    return this.writer.closed
  }

  /** When the socket closes, its connection closes the session. */
  onClose(listener: () => void): void {
    this.#onClose = listener
  }

  get groupable(): boolean {
    return true
  }
}
