import type {
  NotifierAdmission,
  NotifierAdmissionEnd,
  NotifierEvent,
  NotifierMessage,
  NotifierSubscription,
} from '@penknife/core'

import { advance, createCursor, type Cursor, passOver } from './cursor.ts'
import { EarlyEvents } from './early-events.ts'
import { type Members, Memberships } from './memberships.ts'
import type { Following, SessionOwner, SessionSettings } from './settings.ts'
import { type SessionChange, type SessionState, stateAfter } from './states.ts'
import { writeStart } from './start.ts'
import { subscribeTo } from './subscribe.ts'
import type { Farewell, Transport } from './transport.ts'

/** With more unsent bytes than this, further events of a client wait in the history. */
export const BEHIND_BYTES = 65_536
/** A client that does not receive the end of its session within this time is disconnected. */
const GRACE_MS = 1000

const NOTHING = { refused: [], from: new Map<string, string>(), lost: [] } as const

/**
 * One client: its channels, its rights, its cursor, and the order of its events. It knows no protocol: a transport
 * (transport.ts) frames and writes.
 *
 * Invariant: a client's cursor never skips an event that the client did not get. Positions become known one channel at a
 * time, so a channel with a waiting first event is left out of the cursor until that event was written. A client that is
 * disconnected before that gets a `reset` for the channel when it resumes, never a gap.
 *
 * A slow client costs no memory: its subscription pauses, and continues from the history when the client has received the
 * unsent bytes.
 */
export class Session {
  readonly #settings: SessionSettings
  readonly #owner: SessionOwner<Session>
  #state: SessionState = 'opening'
  #following: Following
  #admission: NotifierAdmission | undefined
  #subscription: NotifierSubscription | undefined
  #early: EarlyEvents | undefined = new EarlyEvents()
  #transport: Transport | undefined
  #cursor: Cursor | undefined
  #revoked: readonly string[] | undefined
  /** The user's memberships of the channels. */
  #memberships: Memberships | undefined
  /** The reason to end, if it came before the transport was open. */
  #ending: 'reconnect' | NotifierAdmissionEnd | undefined
  /** Runs while the client is behind. */
  #stalled: NodeJS.Timeout | undefined

  /** @param channels the requested channels */
  constructor(settings: SessionSettings, owner: SessionOwner<Session>, channels: readonly string[]) {
    this.#settings = settings
    this.#owner = owner
    this.#following = { channels, ...NOTHING }
  }

  /** Makes it a connection of a user. Call it before the user's rights are looked up, so that no revocation is missed. */
  async admit(user: string): Promise<void> {
    this.#admission = await this.#settings.notifier.admit(user, {
      onRevoked: (channels) => this.lose(channels),
      onEnd: (reason) => void this.end(reason),
    })
  }

  /** Counts it among the connections of its user. Does nothing without a user. */
  async limit(most: number): Promise<void> {
    await this.#admission?.limit(most)
  }

  /** Subscribes to the channels. */
  async follow(following: Following): Promise<void> {
    // Without a position the state is loaded, which a reset would only ask for.
    this.#following = this.#settings.getState ? { ...following, lost: [] } : following
    following.fanOut?.enter()
    const admission = this.#admission ?? this.#owner.admission
    const subscription = await subscribeTo(following, this.#settings, this, admission)
    this.#subscription = subscription
    // The client left meanwhile.
    if (this.#state === 'closed') void subscription.close()
  }

  subscribed(subscription: NotifierSubscription): void {
    this.#subscription = subscription
  }

  /** The followed channels. */
  get channels(): readonly string[] {
    return this.#following.channels
  }

  /** The channels whose events the client gets now. */
  get followed(): readonly string[] {
    if (this.#state === 'opening' || this.#state === 'closed') return []
    return this.channels.filter((channel) => !this.#revoked?.includes(channel))
  }

  /** The position up to which the client has got everything in a channel, or will get it when its bytes are sent. */
  positionIn(channel: string): string | undefined {
    return this.#subscription?.cursors()[channel]
  }

  /** The transport. Only after `open`. */
  get transport(): Transport {
    return this.#transport as Transport
  }

  /** The farewell for a client that must not begin. Undefined if it may. */
  get farewell(): Farewell | undefined {
    return this.#ending && this.#farewellOf(this.#ending)
  }

  /** Whether the group of its fan-out may write to it. */
  get groupable(): boolean {
    return this.#state === 'live' && this.transport.groupable
  }

  /** Begins: writes the position in each channel, then the resets, then all events so far. */
  open(transport: Transport): void {
    transport.onClose(() => this.close())
    if (transport.closed) return
    this.#transport = transport
    const { farewell } = this
    if (farewell) return void transport.close(farewell, GRACE_MS)
    transport.open(this.#settings.reconnectAfterMs())
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

  /** Writes a message outside of the history for this client alone. Returns false if it cannot take it now. */
  nudge(message: NotifierMessage): boolean {
    const ready = this.#state === 'live' || this.#state === 'in group'
    if (!ready || !this.followed.includes(message.channel) || this.transport.unsentBytes > BEHIND_BYTES)
      return false
    this.transport.event(message, this.#cursor as Cursor)
    return true
  }

  /** Called when the group of its fan-out begins to write to it. */
  joinedGroup(): void {
    this.#change('join group')
  }

  /** Called when the group no longer writes to it. The group wrote all events up to the subscription's position. */
  leftGroup(): void {
    if (!this.#change('leave group')) return
    const subscription = this.#subscription as NotifierSubscription
    const [channel] = this.#following.channels as readonly [string]
    const position = subscription.cursors()[channel]
    if (position !== undefined) this.#cursor?.set(channel, position)
    if (this.transport.unsentBytes > BEHIND_BYTES) this.#fallBehind(subscription)
  }

  /** Writes a heartbeat, unless the client has unsent bytes. */
  keepAlive(): void {
    if (this.#transport?.unsentBytes !== 0) return
    const cursor = this.#cursor as Cursor
    const passes = this.#following.types && this.#state === 'live'
    if (passes && passOver(cursor, this.#subscription?.cursors() ?? {}))
      this.#transport.position(cursor.text())
    else this.#transport.keepAlive()
  }

  /** Writes the farewell and closes; if the transport is not open yet, once it is. Resolves when the connection has ended. */
  async end(reason: 'reconnect' | NotifierAdmissionEnd, deadlineMs: number = GRACE_MS): Promise<void> {
    if (this.#state === 'opening') {
      // The rights are being looked up. The result may be from before the revocation, so the client must reconnect.
      if (this.#ending !== 'connections') this.#ending = reason === 'connections' ? reason : 'reconnect'
    } else if (this.#state !== 'closed') {
      await this.transport.close(this.#farewellOf(reason), Math.min(deadlineMs, GRACE_MS))
    }
  }

  close(): void {
    if (!this.#change('close')) return
    this.#early = undefined
    this.#memberships?.leave(this.channels)
    clearTimeout(this.#stalled)
    void this.#subscription?.close()
    void this.#admission?.close()
    this.#following.fanOut?.exit()
    this.#owner.sessionClosed(this)
  }

  /** The user's rights to these channels ended. */
  lose(channels: readonly string[]): void {
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
    this.#memberships?.leave(fresh)
    for (const channel of fresh) {
      cursor.delete(channel)
      this.transport.revoked(channel, cursor.text())
    }
    if (this.#revoked.length === followed.length) void this.end('revoked')
  }

  /** The only place where the state changes. Returns false when the change has no effect in the current state. */
  #change(change: SessionChange): boolean {
    const next = stateAfter(this.#state, change)
    if (next === undefined) return false
    this.#state = next
    return true
  }

  #begin(transport: Transport, subscription: NotifierSubscription, early: EarlyEvents): void {
    const { fanOut, lost } = this.#following
    const { isView } = this.#settings
    if (isView && lost.length > 0)
      this.#following = { ...this.#following, lost: lost.filter((channel) => !isView(channel)) }
    this.#cursor = writeStart(transport, this.#following, early, subscription)
    if (transport.unsentBytes > BEHIND_BYTES) this.#fallBehind(subscription)
    else subscription.resume()
    fanOut?.settle(this)
    const { presence } = this.#settings
    const user = presence && (this.#admission ?? this.#owner.admission)?.user
    if (user !== undefined) this.#memberships = new Memberships(presence as Members, user, this.followed)
  }

  #farewellOf(reason: 'reconnect' | NotifierAdmissionEnd): Farewell {
    if (reason === 'reconnect' || reason === 'lost') {
      return { kind: 'reconnect', afterMs: this.#settings.reconnectAfterMs() }
    }
    const { channels, from } = this.#following
    return { kind: 'closed', reason, cursor: (this.#cursor ?? createCursor(channels, from)).text() }
  }

  #fallBehind(subscription: NotifierSubscription): void {
    if (!this.#change('fall behind')) return
    const { transport } = this
    subscription.pause()
    this.#stalled = setTimeout(() => transport.destroy(), this.#settings.stallMs).unref()
    transport.onDrain(() => {
      clearTimeout(this.#stalled)
      if (this.#change('drain')) subscription.resume()
    })
  }
}
