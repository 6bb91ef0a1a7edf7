import type {
  NotifierAdmission,
  NotifierAdmissionEnd,
  AnyNotifier,
  NotifierEvent,
  NotifierSubscription,
} from '@penknife/core'

import { advance, createCursor, type Cursor } from './cursor.ts'
import { EarlyEvents } from './early-events.ts'
import type { ChannelFanOut } from './fan-out.ts'
import type { Start } from './resume.ts'
import { type SessionChange, type SessionState, stateAfter } from './states.ts'
import type { Farewell, Transport } from './transport.ts'

/** What all sessions of one middleware share. */
export interface SessionSettings {
  readonly notifier: AnyNotifier
  /** A client that takes nothing for this long is cut off. */
  readonly stallMs: number
  /** After how long a client is to come back, another time for each; undefined: when it likes. */
  readonly comeBackAfterMs: () => number | undefined
  readonly onClose: (session: Session) => void
}

/** What a client follows, once it is known what it may. */
export interface Following extends Start {
  readonly channels: readonly string[]
  /** Channels that the client asked for and may not follow. */
  readonly refused: readonly string[]
  /** Writes to clients of this channel together, if the client follows no other. */
  readonly fanOut?: ChannelFanOut | undefined
}

/** Bytes that wait for a client before its events wait in the history instead. */
export const BEHIND_BYTES = 65_536
/** A client that does not take the end of its session is cut off after this long. */
const GRACE_MS = 1000

const NOTHING = { refused: [], from: new Map<string, string>(), lost: [] } as const

/**
 * One client: what it follows and may follow, its cursor, and in which order it gets what. It knows no protocol: a
 * transport (transport.ts) frames and writes.
 *
 * A client must never get a cursor that skips an event it has not got. Positions become known one channel at a
 * time, so a channel whose first event still waits is left out of the cursor until that event was written; a client
 * cut off in between is told to load that channel afresh (`reset`), never left with a gap.
 *
 * A client that falls behind costs no memory: its subscription pauses, and goes on out of the history once the client
 * took what waited for it.
 */
export class Session {
  readonly #settings: SessionSettings
  #state: SessionState = 'opening'
  #following: Following
  #admission: NotifierAdmission | undefined
  #subscription: NotifierSubscription | undefined
  #early: EarlyEvents | undefined = new EarlyEvents()
  #transport: Transport | undefined
  #cursor: Cursor | undefined
  #revoked: readonly string[] | undefined
  /** How it has to end, since before its transport was open. */
  #ending: 'come back' | NotifierAdmissionEnd | undefined

  /** @param channels those that the client asked for */
  constructor(settings: SessionSettings, channels: readonly string[]) {
    this.#settings = settings
    this.#following = { channels, ...NOTHING }
  }

  /** Makes it a connection of a user. Before anybody asks what the user may: so no revocation falls behind the answer. */
  async admit(user: string): Promise<void> {
    this.#admission = await this.#settings.notifier.admit(user, {
      onRevoked: (channels) => this.#lose(channels),
      onEnd: (reason) => void this.end(reason),
    })
  }

  /** Counts it among the connections of its user, if it has one. */
  async limit(most: number): Promise<void> {
    await this.#admission?.limit(most)
  }

  /** Subscribes to the channels. */
  async follow(following: Following): Promise<void> {
    this.#following = following
    const { channels, from, fanOut } = following
    fanOut?.enter()
    this.#subscription = await this.#settings.notifier.subscribe(channels, {
      from: toRecord(from),
      onEvent: (event, subscription) => this.onEvent(event, subscription),
      ...(this.#admission ? { admission: this.#admission } : {}),
      ...(fanOut
        ? {
            audience: fanOut,
            onAudience: (inside, subscription) => {
              this.#subscription = subscription
              if (inside) fanOut.join(this)
              else fanOut.leave(this)
            },
          }
        : {}),
    })
  }

  /** The transport, once it is open. */
  get transport(): Transport {
    return this.#transport as Transport
  }

  /** What to say to a client that must not begin; undefined when it may. */
  get farewell(): Farewell | undefined {
    return this.#ending && this.#farewellOf(this.#ending)
  }

  /** Whether its fan-out's group may write to it. */
  get groupable(): boolean {
    return this.#state === 'live' && this.transport.groupable
  }

  /** Begins: first the position in each channel, then the resets, then all events so far. */
  open(transport: Transport): void {
    transport.onClose(() => this.close())
    if (transport.closed) return
    this.#transport = transport
    const { farewell } = this
    if (farewell) return void transport.close(farewell, GRACE_MS)
    transport.open(this.#settings.comeBackAfterMs())
    this.#change('open')
    this.#begin(transport, this.#subscription as NotifierSubscription, this.#early as EarlyEvents)
    this.#early = undefined
  }

  /** An event for this client alone. */
  onEvent(event: NotifierEvent, subscription = this.#subscription as NotifierSubscription): void {
    const early = this.#early
    if (early) {
      early.add(event)
      if (early.size > BEHIND_BYTES) subscription.pause()
    } else if (this.#state !== 'closed') {
      advance(this.#cursor as Cursor, event)
      this.transport.event(event, this.#cursor as Cursor)
      if (this.transport.unsentBytes > BEHIND_BYTES) this.#fallBehind(subscription)
    }
  }

  /** From now on the group of its fan-out writes to it. */
  joinedGroup(): void {
    this.#change('join group')
  }

  /** The group wrote to it up to the subscription's position. */
  leftGroup(): void {
    if (!this.#change('leave group')) return
    const subscription = this.#subscription as NotifierSubscription
    const [channel] = this.#following.channels as readonly [string]
    const position = subscription.cursors()[channel]
    if (position !== undefined) this.#cursor?.set(channel, position)
    if (this.transport.unsentBytes > BEHIND_BYTES) this.#fallBehind(subscription)
  }

  /** For a quiet client; one with bytes waiting needs no sign of life. */
  keepAlive(): void {
    if (this.#transport?.unsentBytes === 0) this.#transport.keepAlive()
  }

  /** Says farewell and closes; before the transport is open once it is. Resolves when the connection is done. */
  async end(reason: 'come back' | NotifierAdmissionEnd, deadlineMs: number = GRACE_MS): Promise<void> {
    if (this.#state === 'opening') {
      // What a user may is being asked: the answer may be from before or after, so the client has to come back.
      if (this.#ending !== 'connections') this.#ending = reason === 'connections' ? reason : 'come back'
    } else if (this.#state !== 'closed') {
      await this.transport.close(this.#farewellOf(reason), Math.min(deadlineMs, GRACE_MS))
    }
  }

  close(): void {
    if (!this.#change('close')) return
    this.#early = undefined
    void this.#subscription?.close()
    void this.#admission?.close()
    this.#following.fanOut?.exit()
    this.#settings.onClose(this)
  }

  /** The only place where the state changes. False when this changes nothing in the state that it is in. */
  #change(change: SessionChange): boolean {
    const next = stateAfter(this.#state, change)
    if (next === undefined) return false
    this.#state = next
    return true
  }

  #begin(transport: Transport, subscription: NotifierSubscription, early: EarlyEvents): void {
    const { channels, from, lost, refused, fanOut } = this.#following
    const positions = early.positionsBefore(channels, from, subscription)
    // Where history was lost a client has no position before its reset is written: it may be cut off in between.
    const kept = [...positions].filter(([channel]) => !lost.includes(channel))
    const cursor = createCursor(channels, new Map(kept))
    this.#cursor = cursor
    const position = cursor.text()
    if (position !== '') transport.position(position)
    for (const channel of refused) transport.revoked(channel, position)
    for (const channel of lost) {
      const found = positions.get(channel)
      if (found !== undefined) cursor.set(channel, found)
      transport.reset(channel, cursor.text())
    }
    for (const event of early.events) {
      advance(cursor, event)
      transport.event(event, cursor)
    }
    if (transport.unsentBytes > BEHIND_BYTES) this.#fallBehind(subscription)
    else subscription.resume()
    fanOut?.settle(this)
  }

  /** The user's rights to these channels ended. */
  #lose(channels: readonly string[]): void {
    const { channels: followed, refused } = this.#following
    const lost = followed.filter((channel) => channels.includes(channel))
    if (this.#state === 'opening') {
      if (lost.length > 0 || refused.some((channel) => channels.includes(channel))) void this.end('revoked')
      return
    }
    const before = this.#revoked ?? []
    const fresh = lost.filter((channel) => !before.includes(channel))
    this.#revoked = [...before, ...fresh]
    const cursor = this.#cursor as Cursor
    for (const channel of fresh) {
      cursor.delete(channel)
      this.transport.revoked(channel, cursor.text())
    }
    if (this.#revoked.length === followed.length) void this.end('revoked')
  }

  #farewellOf(reason: 'come back' | NotifierAdmissionEnd): Farewell {
    if (reason === 'come back' || reason === 'lost') {
      return { kind: 'come back', afterMs: this.#settings.comeBackAfterMs() }
    }
    const { channels, from } = this.#following
    return { kind: 'closed', reason, cursor: (this.#cursor ?? createCursor(channels, from)).text() }
  }

  #fallBehind(subscription: NotifierSubscription): void {
    if (!this.#change('fall behind')) return
    const { transport } = this
    subscription.pause()
    const stalled = setTimeout(() => transport.destroy(), this.#settings.stallMs).unref()
    transport.onClose(() => clearTimeout(stalled))
    transport.onDrain(() => {
      clearTimeout(stalled)
      if (this.#change('drain')) subscription.resume()
    })
  }
}

/** Without a prototype, because a channel may be called 'constructor'. */
function toRecord(positions: ReadonlyMap<string, string>): Readonly<Record<string, string>> {
  return Object.assign(Object.create(null), Object.fromEntries(positions))
}
