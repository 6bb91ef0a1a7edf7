import type { NotifierEvent } from '@penknife/core'

import { createFlushes } from '../../flushes.ts'
import { isShared, type SharedWriter, type StreamWriter } from '../../stream-writer.ts'
import { WriterGroup } from '../../writer-group.ts'
import type { Cursor } from '../session/cursor.ts'
import type { Farewell, GroupMember, Transport, TransportGroup, TransportKind } from '../session/transport.ts'
import type { Format } from './format.ts'
import {
  createEventFrames,
  type EventFrames,
  farewellFrame,
  HEARTBEAT_FRAME,
  positionFrame,
  resetFrame,
  retryFrame,
  revokedFrame,
} from './frames.ts'

/** The server-sent events of one middleware. */
export interface ServerSentEvents extends TransportKind {
  transport(writer: StreamWriter): Transport
}

export function createServerSentEvents(format?: Format): ServerSentEvents {
  const frames = createEventFrames(format)
  const flushes = createFlushes()
  return {
    transport: (writer) => new SseTransport(writer, frames),
    createGroup<Member extends GroupMember>(onFull: (member: Member) => void): TransportGroup<Member> {
      const writerOf = (member: Member): SharedWriter =>
        (member.transport as SseTransport).writer as SharedWriter
      const writers = new WriterGroup<Member>({ flushes, writerOf, onFull })
      return {
        get size() {
          return writers.size
        },
        add: (member) => writers.add(member),
        delete: (member) => writers.delete(member),
        event: (event, cursor) => writers.write(frames.of(event, cursor)),
      }
    },
  }
}

/** Writes frames to a response. A server has one for each client, so it consists of few objects. */
class SseTransport implements Transport {
  readonly writer: StreamWriter
  readonly #frames: EventFrames

  constructor(writer: StreamWriter, frames: EventFrames) {
    this.writer = writer
    this.#frames = frames
  }

  open(reconnectAfterMs: number | undefined): void {
    this.writer.write(retryFrame(reconnectAfterMs))
  }

  event(event: NotifierEvent, cursor: Cursor): void {
    this.writer.write(this.#frames.of(event, cursor))
  }

  position(cursor: string): void {
    this.writer.write(positionFrame(cursor))
  }

  reset(channel: string, cursor: string): void {
    this.writer.write(resetFrame(channel, cursor))
  }

  revoked(channel: string, cursor: string): void {
    this.writer.write(revokedFrame(channel, cursor))
  }

  keepAlive(): void {
    this.writer.write(HEARTBEAT_FRAME)
  }

  close(farewell: Farewell, graceMs: number): Promise<void> {
    this.writer.write(farewellFrame(farewell))
    this.writer.end()
    return this.writer.finished(graceMs)
  }

  destroy(): void {
    this.writer.destroy()
  }

  get unsentBytes(): number {
    return this.writer.unsentBytes
  }

  get full(): boolean {
    return isShared(this.writer) && this.writer.full
  }

  flush(): void {
    if (isShared(this.writer)) this.writer.flush()
  }

  onDrain(listener: () => void): void {
    this.writer.onDrain(listener)
  }

  get closed(): boolean {
    return this.writer.closed
  }

  onClose(listener: () => void): void {
    this.writer.onClose(listener)
  }

  get groupable(): boolean {
    return isShared(this.writer)
  }
}
