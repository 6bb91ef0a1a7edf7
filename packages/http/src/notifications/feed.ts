import type { NotifierEvent, Subscription } from '@penknife/core'

import type { StreamWriter } from '../stream-writer.ts'
import { ResponseWriter } from '../writer.ts'
import type { Crowd } from './crowd.ts'
import { createCursor, type Cursor } from './cursor.ts'
import { closedFrame, eventFrame, positionFrame, resetFrame, revokedFrame } from './frames.ts'

export interface FeedOptions {
  readonly channels: readonly string[]
  /** Positions the client resumes from. */
  readonly from: ReadonlyMap<string, string>
  /** Channels whose position the client lost or garbled. */
  readonly lost: readonly string[]
  /** Channels the client asked for and may not follow. */
  readonly refused?: readonly string[]
  /** A client that takes nothing for this long is cut off. */
  readonly stallMs: number
  /** Whom it is told with while it keeps up, if there is only one channel. */
  readonly crowd?: Crowd | undefined
}

/** Bytes that wait for a client before its events wait in the history instead. */
export const BEHIND_BYTES = 65_536

/**
 * What one client is told of its channels, in the order in which it may be told.
 *
 * A client must never get an `id` that skips an event it has not got. Positions become known one channel at a
 * time, so a channel whose first event is still being held back is left out of the cursor until that event went
 * out; a client cut off in between is told to load that channel afresh (`reset`), never left with a gap.
 *
 * A client that falls behind costs no memory: its subscription pauses, and goes on out of the history once the client
 * took what waited for it.
 */
export class ClientFeed {
  readonly #options: FeedOptions
  readonly #moved = new Set<string>()
  #held: NotifierEvent[] = []
  #heldSize = 0
  #writer: StreamWriter | undefined
  #subscription: Subscription | undefined
  #cursor: Cursor | undefined
  #behind = false
  #revoked: readonly string[] = []

  constructor(options: FeedOptions) {
    this.#options = options
  }

  /** For the subscription; keeps events until `start`, up to a bound. */
  onEvent(event: NotifierEvent, subscription: Subscription): void {
    if (this.#writer) {
      this.#writer.write(eventFrame(event, this.#cursor as Cursor))
      if (this.#writer.unsentBytes > BEHIND_BYTES) this.#pause(subscription, this.#writer)
      return
    }
    if (event.id !== null) this.#moved.add(event.channel)
    this.#held.push(event)
    this.#heldSize += event.kind === 'message' ? event.json.length + 100 : 100
    if (this.#heldSize > BEHIND_BYTES) subscription.pause()
  }

  /** For the subscription: the crowd is told in its place, or not any more. */
  onAudience(inside: boolean, subscription: Subscription): void {
    this.#subscription = subscription
    if (inside) this.#options.crowd?.join(this)
    else this.#options.crowd?.leave(this)
  }

  /** For the crowd: an event for it alone. */
  toldApart(event: NotifierEvent): void {
    this.onEvent(event, this.#subscription as Subscription)
  }

  /** For the crowd: it was told with the others up to here. */
  wasTogether(): void {
    const [channel] = this.#options.channels as readonly [string]
    const subscription = this.#subscription as Subscription
    const position = subscription.cursors()[channel]
    if (position !== undefined) this.#cursor?.set(channel, position)
    if (this.writer.unsentBytes > BEHIND_BYTES) this.#pause(subscription, this.writer)
  }

  /** Whether its stream began, with a writer that can be one of many. */
  get begun(): boolean {
    return this.#writer instanceof ResponseWriter
  }

  /** When it has begun. */
  get writer(): ResponseWriter {
    return this.#writer as ResponseWriter
  }

  /** Goes live: first where each channel stands, then the resets, then all events so far. */
  start(writer: StreamWriter, subscription: Subscription): void {
    const { channels, lost, refused = [] } = this.#options
    const positions = this.#startPositions(subscription)
    // Where history was lost a client has no position before its reset went out: it may be cut off in between.
    const held = [...positions].filter(([channel]) => !lost.includes(channel))
    const cursor = createCursor(channels, new Map(held))
    this.#cursor = cursor
    this.#writer = writer
    const position = cursor.text()
    if (position !== '') writer.write(positionFrame(position))
    for (const channel of refused) writer.write(revokedFrame(channel, position))
    for (const channel of lost) {
      const found = positions.get(channel)
      if (found !== undefined) cursor.set(channel, found)
      writer.write(resetFrame(channel, cursor.text()))
    }
    for (const event of this.#held) writer.write(eventFrame(event, cursor))
    this.#held = []
    if (writer.unsentBytes > BEHIND_BYTES) this.#pause(subscription, writer)
    else subscription.resume()
    this.#options.crowd?.settle(this)
  }

  /** Takes channels out of what the client follows and tells it; false when none is left. For after `start`. */
  revoke(revoked: readonly string[]): boolean {
    const { channels } = this.#options
    const cursor = this.#cursor as Cursor
    for (const channel of channels) {
      if (!revoked.includes(channel) || this.#revoked.includes(channel)) continue
      this.#revoked = [...this.#revoked, channel]
      cursor.delete(channel)
      this.#writer?.write(revokedFrame(channel, cursor.text()))
    }
    return this.#revoked.length < channels.length
  }

  /** The last the client is told, with its position for who wants to go on from it. */
  closing(reason: string): string {
    const { channels, from } = this.#options
    return closedFrame(reason, (this.#cursor ?? createCursor(channels, from)).text())
  }

  #pause(subscription: Subscription, writer: StreamWriter): void {
    if (this.#behind) return
    this.#behind = true
    subscription.pause()
    const stalled = setTimeout(() => writer.destroy(), this.#options.stallMs).unref()
    writer.onClose(() => clearTimeout(stalled))
    writer.onDrain(() => {
      clearTimeout(stalled)
      this.#behind = false
      subscription.resume()
    })
  }

  #startPositions(subscription: Subscription): Map<string, string> {
    const { channels, from } = this.#options
    const now = subscription.cursors()
    const positions = new Map(from)
    for (const channel of channels) {
      const position = now[channel]
      if (!positions.has(channel) && !this.#moved.has(channel) && position !== undefined)
        positions.set(channel, position)
    }
    return positions
  }
}
