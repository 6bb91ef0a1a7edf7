import type { NotifierAdmission, NotifierAdmissionEnd, NotifierMessage } from '@penknife/core'

import type { Client, Clients } from './clients.ts'
import { soleCursor } from './cursor.ts'
import { isInvalid, isOutage } from './faults.ts'
import type { ChannelFanOut } from './fan-out.ts'
import { Memberships } from './memberships.ts'
import { startOf } from './resume.ts'
import { Session } from './session.ts'
import type { SessionOwner, SessionSettings } from './settings.ts'
import type { Farewell, Transport } from './transport.ts'

/** Carries the sessions of a connection, one for each channel. */
export interface ConnectionTransport {
  /** The transport of a channel's session. */
  channel(channel: string): Transport
  /** Tells the client that it may no longer follow a channel that it does not follow at this moment. */
  revoked(channel: string): void
  keepAlive(): void
  /** Writes the farewell and ends. Resolves when everything was sent; after `graceMs` it cuts the connection. */
  close(farewell: Farewell, graceMs: number): Promise<void>
}

/** Where a client begins in each channel: after a position, or with the next event. Any text; it is checked. */
export type Wanted = ReadonlyMap<string, string | undefined>

/**
 * Why a client does not follow a channel that it named:
 *
 * - 'forbidden': `authorize` does not allow it
 * - 'revoked': the right ended during this connection. Rights that were given again need renewed rights or a new connection
 * - 'invalid': the name of the channel is wrong
 * - 'too many': the connection follows as many channels as it may
 * - 'unavailable': it cannot be followed now. The client may try again
 */
export type Refusal = 'forbidden' | 'revoked' | 'invalid' | 'too many' | 'unavailable'

/** Returns those of the channels that the client may follow. */
export type Authorize = (channels: readonly string[]) => Promise<readonly string[]>

export interface ConnectionContext {
  readonly settings: SessionSettings
  readonly clients: Clients
  readonly mostChannels: number
  readonly fanOutOf: (channel: string) => ChannelFanOut | undefined
  /** Reports that channels cannot be followed, although Redis answers. */
  readonly report: (fault: unknown) => void
}

/** A client that does not receive the end of its connection within this time is disconnected. */
const GRACE_MS = 1000

/**
 * One client that joins and leaves channels while it is connected. Each channel has a session of its own, with its cursor;
 * the user's admission is one for all. It knows no protocol.
 */
export class Connection implements Client, SessionOwner<Session> {
  readonly #context: ConnectionContext
  readonly #sessions = new Map<string, Session>()
  /** The types of events that the client gets. Undefined: all. */
  types: readonly string[] | undefined
  #revoked: Set<string> | undefined
  #admission: NotifierAdmission | undefined
  #transport: ConnectionTransport | undefined
  #ending: Farewell | undefined
  /** Memberships of channels that begin again, so that the user does not leave in between. */
  #kept: { readonly memberships: Memberships; readonly channels: readonly string[] } | undefined
  #closed = false

  constructor(context: ConnectionContext) {
    this.#context = context
  }

  get admission(): NotifierAdmission | undefined {
    return this.#admission
  }

  get user(): string | undefined {
    return this.#admission?.user
  }

  /** The channels that the client follows now, without those whose rights are being looked up. */
  get channels(): readonly string[] {
    return [...this.#sessions.values()].flatMap(({ followed }) => followed)
  }

  /** The farewell for a client that must not begin. Undefined if it may. */
  get farewell(): Farewell | undefined {
    return this.#ending
  }

  /** Makes it a connection of a user. Call it before the user's rights are looked up, so that no revocation is missed. */
  async admit(user: string): Promise<void> {
    const admission = await this.#context.settings.notifier.admit(user, {
      onRevoked: (channels) => this.#lose(channels),
      onEnd: (reason) => void this.end(reason),
    })
    if (this.#closed) void admission.close()
    else this.#admission = admission
  }

  /** Counts it among the connections of its user. Does nothing without a user. */
  async limit(most: number): Promise<void> {
    await this.#admission?.limit(most)
  }

  /** The client is connected. */
  begin(transport: ConnectionTransport): void {
    this.#transport = transport
    if (this.#ending) return void transport.close(this.#ending, GRACE_MS)
    this.#context.clients.add(this)
  }

  /**
   * Follows channels that the client named. Returns why it does not follow some. The others have sessions: write your
   * reply, then call `open`. A channel that is followed already begins again.
   *
   * Rejects with what `authorize` rejects with.
   */
  async join(wanted: Wanted, authorize: Authorize): Promise<Map<string, Refusal>> {
    this.#keepMemberships([...wanted.keys()].filter((channel) => this.channels.includes(channel)))
    this.leave([...wanted.keys()])
    const refused = new Map<string, Refusal>()
    const sessions = new Map<string, Session>()
    for (const channel of wanted.keys()) {
      if (this.#revoked?.has(channel)) refused.set(channel, 'revoked')
      else if (this.#sessions.size >= this.#context.mostChannels) refused.set(channel, 'too many')
      else {
        // Before authorize is called, so that no revocation is missed after it.
        const session = new Session(this.#context.settings, this, [channel])
        this.#sessions.set(channel, session)
        sessions.set(channel, session)
      }
    }
    if (sessions.size === 0) return refused
    let allowed: readonly string[]
    try {
      allowed = await authorize([...sessions.keys()])
    } catch (error) {
      this.leave([...sessions.keys()])
      this.#endMemberships()
      throw error
    }
    await Promise.all(
      [...sessions].map(async ([channel, session]) => {
        const why = allowed.includes(channel)
          ? await this.#follow(channel, session, wanted.get(channel))
          : 'forbidden'
        if (why === undefined) return
        refused.set(channel, why)
        session.close()
      }),
    )
    return refused
  }

  /** Begins the sessions of these channels: writes the position, then what was lost, then all events so far. */
  open(channels: Iterable<string>): void {
    for (const channel of channels) {
      const session = this.#sessions.get(channel)
      if (session && this.#transport && !this.#closed) session.open(this.#transport.channel(channel))
    }
    this.#endMemberships()
  }

  /** Stops following these channels. */
  leave(channels: readonly string[]): void {
    for (const channel of channels) this.#sessions.get(channel)?.close()
  }

  /**
   * Asks for the user's rights again: the client goes on where it is in the channels that it may still follow, and gets
   * `revoked` for the others. Rights that were given again count again.
   *
   * Rejects with what `authorize` rejects with. Then the client should reconnect.
   */
  async renew(most: number | undefined, authorize: Authorize): Promise<readonly string[]> {
    const before = this.#admission
    this.#revoked = undefined
    if (before) await this.admit(before.user)
    const positions = new Map(
      [...this.#sessions].map(([channel, session]) => [channel, session.positionIn(channel)]),
    )
    // It ends the sessions' subscriptions. It is not counted beside the new one.
    void before?.close()
    if (before && most !== undefined) await this.limit(most)
    if (this.#closed || positions.size === 0) return []
    const refused = await this.join(positions, authorize)
    for (const channel of refused.keys()) this.#transport?.revoked(channel)
    return [...positions.keys()].filter((channel) => !refused.has(channel))
  }

  /** Writes a message for this client alone. Returns false if it cannot take it now. */
  nudge(message: NotifierMessage): boolean {
    return this.#sessions.get(message.channel)?.nudge(message) ?? false
  }

  keepAlive(): void {
    this.#transport?.keepAlive()
    if (this.types) for (const session of this.#sessions.values()) session.keepAlive()
  }

  async end(reason: 'reconnect' | NotifierAdmissionEnd, deadlineMs: number = GRACE_MS): Promise<void> {
    if (this.#closed) return
    const farewell = this.#farewellOf(reason)
    this.#ending ??= farewell
    const transport = this.#transport
    if (!transport) return
    this.close()
    await transport.close(farewell, Math.min(deadlineMs, GRACE_MS))
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.leave([...this.#sessions.keys()])
    this.#endMemberships()
    void this.#admission?.close()
    this.#context.clients.remove(this)
  }

  sessionClosed(session: Session): void {
    const [channel] = session.channels as readonly [string]
    if (this.#sessions.get(channel) === session) this.#sessions.delete(channel)
  }

  /** Subscribes. Returns why it did not. */
  async #follow(channel: string, session: Session, position?: string): Promise<Refusal | undefined> {
    // The client left while its rights were looked up. A fan-out exists until its last session leaves, so none is made for it.
    if (this.#sessions.get(channel) !== session) return 'unavailable'
    const { fanOutOf, report } = this.#context
    const cursors = { newer: position === undefined ? [] : [soleCursor(channel, position)], older: [] }
    try {
      const { types } = this
      const fanOut = types ? undefined : fanOutOf(channel)
      await session.follow({
        channels: [channel],
        refused: [],
        fanOut,
        types,
        ...startOf(cursors, [channel]),
      })
    } catch (error) {
      if (isInvalid(error)) return 'invalid'
      if (!isOutage(error)) report(error)
      return 'unavailable'
    }
    // Revoked while it was looked up: the result may be from before the revocation.
    if (this.#revoked?.has(channel)) return 'revoked'
    return session.farewell || this.#sessions.get(channel) !== session ? 'unavailable' : undefined
  }

  #keepMemberships(channels: readonly string[]): void {
    const { presence } = this.#context.settings
    if (!presence || this.user === undefined || channels.length === 0) return
    this.#kept = { memberships: new Memberships(presence, this.user, channels), channels }
  }

  #endMemberships(): void {
    this.#kept?.memberships.leave(this.#kept.channels)
    this.#kept = undefined
  }

  #lose(channels: readonly string[]): void {
    this.#revoked ??= new Set()
    for (const channel of channels) {
      this.#revoked.add(channel)
      this.#sessions.get(channel)?.lose([channel])
    }
  }

  #farewellOf(reason: 'reconnect' | NotifierAdmissionEnd): Farewell {
    if (reason === 'reconnect' || reason === 'lost') {
      return { kind: 'reconnect', afterMs: this.#context.settings.reconnectAfterMs() }
    }
    return { kind: 'closed', reason, cursor: '' }
  }
}
