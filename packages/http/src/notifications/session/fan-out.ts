import type { NotifierAudience, NotifierEvent } from '@penknife/core'

import { advance, createCursor, type Cursor } from './cursor.ts'
import type { GroupMember, TransportGroup, TransportKind } from './transport.ts'

/** A session, as its fan-out uses it. */
export interface FanOutMember extends GroupMember {
  /** Whether the group may write to it now. */
  readonly groupable: boolean
  /** An event for this client alone. */
  onEvent(event: NotifierEvent): void
  joinedGroup(): void
  leftGroup(): void
}

/**
 * The sessions that follow one channel only. They get the same events, so an event is written to all of them together.
 *
 * A session inside the audience is either in the group of transports, or alone: its transport is not open, cannot be in a
 * group, or has unsent bytes.
 */
export class ChannelFanOut implements NotifierAudience {
  readonly #cursor: Cursor
  readonly #group: TransportGroup<FanOutMember>
  readonly #alone = new Set<FanOutMember>()
  readonly #onEmpty: () => void
  #sessions = 0

  constructor(channel: string, kind: TransportKind, onEmpty: () => void) {
    this.#onEmpty = onEmpty
    this.#cursor = createCursor([channel], new Map())
    this.#group = kind.createGroup<FanOutMember>((session) => this.#leftGroup(session))
  }

  /** Counts a session that will follow the channel. */
  enter(): void {
    this.#sessions += 1
  }

  exit(): void {
    this.#sessions -= 1
    if (this.#sessions === 0) this.#onEmpty()
  }

  onEvent(event: NotifierEvent): void {
    // Copied first: a session that leaves the group during the write got this event already.
    const alone = this.#alone.size > 0 ? [...this.#alone] : []
    if (this.#group.size > 0) {
      advance(this.#cursor, event)
      this.#group.event(event, this.#cursor)
    }
    for (const session of alone) session.onEvent(event)
  }

  /** From now on this audience gets the session's events. */
  join(session: FanOutMember): void {
    this.#alone.add(session)
    this.settle(session)
  }

  leave(session: FanOutMember): void {
    this.#alone.delete(session)
    if (this.#group.delete(session)) session.leftGroup()
  }

  /** Moves a session into the group: at once, or when its client has received all bytes. */
  settle(session: FanOutMember): void {
    if (!this.#alone.has(session) || !session.groupable) return
    const { transport } = session
    transport.flush()
    if (transport.full) transport.onDrain(() => this.settle(session))
    else if (!transport.closed && this.#alone.delete(session)) {
      this.#group.add(session)
      session.joinedGroup()
    }
  }

  #leftGroup(session: FanOutMember): void {
    this.#alone.add(session)
    session.leftGroup()
    this.settle(session)
  }
}

/** The fan-outs of one kind of transport. Each exists while a session follows its channel. */
export class FanOuts {
  readonly #kind: TransportKind
  readonly #channels = new Map<string, ChannelFanOut>()

  constructor(kind: TransportKind) {
    this.#kind = kind
  }

  of(channel: string): ChannelFanOut {
    const found = this.#channels.get(channel)
    if (found) return found
    const fanOut = new ChannelFanOut(channel, this.#kind, () => this.#channels.delete(channel))
    this.#channels.set(channel, fanOut)
    return fanOut
  }
}
