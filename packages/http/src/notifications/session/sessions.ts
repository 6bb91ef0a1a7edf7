import type { AnyNotifier, PenknifeError } from '@penknife/core'

import { createClients } from './clients.ts'
import { Connection } from './connection.ts'
import { createFailures } from './failures.ts'
import { isInvalid, isOutage } from './faults.ts'
import { type ChannelFanOut, FanOuts } from './fan-out.ts'
import type { Members } from './memberships.ts'
import { type GivenCursors, startOf } from './resume.ts'
import { Session } from './session.ts'
import type { SessionOwner } from './settings.ts'
import type { Farewell, TransportKind } from './transport.ts'

/** A client's request. */
export interface SessionRequest {
  readonly channels: readonly string[]
  /** The user of the connection, if there is one. */
  readonly user: string | undefined
  readonly cursors: GivenCursors
  /** The types of events that the client gets. Undefined: all. */
  readonly types?: readonly string[] | undefined
  /** Returns the channels that the client may follow. Called once the user's revocations are followed. */
  readonly authorize: () => Promise<readonly string[]>
}

/** The result of a client's request. */
export type Opened =
  /** Call `session.open` with a transport. */
  | { readonly kind: 'session'; readonly session: Session }
  /** The client may follow none of the channels. */
  | { readonly kind: 'refused' }
  /** The client cannot follow the channels now, or must not begin. */
  | { readonly kind: 'ended'; readonly farewell: Farewell }
  /** The name of the user or of a channel is wrong. */
  | { readonly kind: 'invalid'; readonly error: PenknifeError }

export interface SessionsOptions {
  readonly notifier: AnyNotifier
  /** The most connections of a user. */
  readonly perUser: number | undefined
  /** How long a client waits before it reconnects, plus or minus up to half of it; undefined: its own time. */
  readonly retryMs: number | undefined
  /** How often idle clients get a heartbeat; undefined: never. */
  readonly heartbeatMs: number | undefined
  /** A client that reads nothing for this long is disconnected. */
  readonly stallMs: number
  readonly getState: ((channel: string) => unknown) | undefined
  /** Where a client without a position begins. */
  readonly start: 'next' | 'oldest'
  readonly presence?: Members | undefined
  /** Whether a followed channel is a live view. */
  readonly isView?: ((channel: string) => boolean) | undefined
  /** Reports that clients cannot follow their channels, although Redis answers. */
  readonly report: (fault: unknown) => void
}

/** The sessions of one middleware, over any kinds of transport. */
export interface Sessions {
  /** Rejects with what `authorize` rejects with. */
  open(kind: TransportKind, request: SessionRequest): Promise<Opened>
  /** A connection whose client joins and leaves channels while it lives. */
  connection(kind: TransportKind, mostChannels: number): Connection
  /** The farewell for new clients after `close`. Undefined while they are served. */
  readonly farewell: Farewell | undefined
  /** Asks every client to reconnect, and all later ones. Resolves when their connections have ended. */
  close(deadlineMs: number): Promise<void>
}

export function createSessions(options: SessionsOptions): Sessions {
  const { notifier, perUser, retryMs, heartbeatMs, stallMs, report } = options
  const clients = createClients(notifier, heartbeatMs)
  const failures = createFailures()
  const fanOuts = new Map<TransportKind, FanOuts>()
  const { getState, start, presence, isView } = options
  const settings = { notifier, stallMs, reconnectAfterMs, getState, start, presence, isView }
  const owner: SessionOwner<Session> = {
    admission: undefined,
    sessionClosed: (session) => clients.remove(session),
  }

  function reconnectAfterMs(): number | undefined {
    return around(retryMs)
  }

  function reconnect(): Farewell {
    return { kind: 'reconnect', afterMs: reconnectAfterMs() }
  }

  /** The fan-out for a session of one channel. A session of several channels has none. */
  function fanOutOf(kind: TransportKind, [channel, ...others]: readonly string[]): ChannelFanOut | undefined {
    if (channel === undefined || others.length > 0) return undefined
    let found = fanOuts.get(kind)
    if (!found) {
      found = new FanOuts(kind)
      fanOuts.set(kind, found)
    }
    return found.of(channel)
  }

  function failed(error: unknown, channels: readonly string[]): Opened {
    if (isInvalid(error)) return { kind: 'invalid', error }
    if (isOutage(error)) return { kind: 'ended', farewell: reconnect() }
    report(error)
    const waitMs = failures.note(channels, retryMs ?? 0)
    return { kind: 'ended', farewell: { kind: 'reconnect', afterMs: around(waitMs || undefined) } }
  }

  async function open(kind: TransportKind, request: SessionRequest): Promise<Opened> {
    const { channels, user, cursors, types, authorize } = request
    const session = new Session(settings, owner, channels)
    let allowed: readonly string[]
    try {
      // Before authorize is called, so that no revocation is missed after it.
      if (user !== undefined) await session.admit(user)
    } catch (error) {
      return failed(error, channels)
    }
    try {
      allowed = await authorize()
    } catch (error) {
      session.close()
      throw error
    }
    if (allowed.length === 0) {
      session.close()
      return { kind: 'refused' }
    }
    try {
      if (perUser !== undefined) await session.limit(perUser)
      clients.add(session)
      const refused = channels.filter((channel) => !allowed.includes(channel))
      const fanOut = types ? undefined : fanOutOf(kind, allowed)
      await session.follow({ channels: allowed, refused, fanOut, types, ...startOf(cursors, allowed) })
    } catch (error) {
      session.close()
      return failed(error, channels)
    }
    failures.forget(channels)
    if (clients.closed) await session.end('reconnect')
    const { farewell } = session
    if (!farewell) return { kind: 'session', session }
    session.close()
    return { kind: 'ended', farewell }
  }

  return {
    open,
    connection: (kind, mostChannels) =>
      new Connection({
        settings,
        clients,
        mostChannels,
        fanOutOf: (channel) => fanOutOf(kind, [channel]),
        report,
      }),
    get farewell() {
      return clients.closed ? reconnect() : undefined
    },
    close: (deadlineMs) => clients.close(deadlineMs),
  }
}

/** Random, so that clients do not reconnect all at once. */
function around(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms * (0.5 + Math.random())
}
