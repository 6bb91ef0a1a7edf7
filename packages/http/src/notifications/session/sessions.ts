import { type AnyNotifier, PenknifeError } from '@penknife/core'

import { type ChannelFanOut, FanOuts } from './fan-out.ts'
import { type GivenCursors, startOf } from './resume.ts'
import { Session } from './session.ts'
import type { Farewell, TransportKind } from './transport.ts'

/** What a client asks for. */
export interface SessionRequest {
  readonly channels: readonly string[]
  /** Whose connection it is; undefined: nobody's. */
  readonly user: string | undefined
  readonly cursors: GivenCursors
  /** Which of the channels the client may follow. Asked once the user's revocations are followed. */
  readonly authorize: () => Promise<readonly string[]>
}

/** What becomes of a client's request. */
export type Opened =
  /** `open` it with a transport. */
  | { readonly kind: 'session'; readonly session: Session }
  /** The client may follow none of the channels. */
  | { readonly kind: 'refused' }
  /** The client cannot follow them now, or may not begin. */
  | { readonly kind: 'ended'; readonly farewell: Farewell }
  /** The notifier cannot take this user or these channels. */
  | { readonly kind: 'invalid'; readonly error: PenknifeError }

export interface SessionsOptions {
  readonly notifier: AnyNotifier
  /** Connections that a user may have. */
  readonly perUser: number | undefined
  /** How long a client waits before it reconnects, give or take half of it; undefined: as long as it likes. */
  readonly retryMs: number | undefined
  /** How often quiet clients get something; undefined: never. */
  readonly heartbeatMs: number | undefined
  /** A client that takes nothing for this long is cut off. */
  readonly stallMs: number
  /** Reports that clients cannot follow their channels though Redis answers. */
  readonly report: (fault: unknown) => void
}

/** The sessions of one middleware, over any kinds of transport. */
export interface Sessions {
  /** Rejects with what `authorize` rejects with. */
  open(kind: TransportKind, request: SessionRequest): Promise<Opened>
  /** What to say to all that come now; undefined while they are served. */
  readonly farewell: Farewell | undefined
  /** Sends every client away with a time to come back, and all later ones. Resolves when their connections are done. */
  close(deadlineMs: number): Promise<void>
}

export function createSessions(options: SessionsOptions): Sessions {
  const { notifier, perUser, retryMs, heartbeatMs, stallMs, report } = options
  const sessions = new Set<Session>()
  const fanOuts = new Map<TransportKind, FanOuts>()
  let closed = false
  let heartbeats: NodeJS.Timeout | undefined
  let forget = (): unknown => undefined
  const settings = { notifier, stallMs, comeBackAfterMs, onClose: remove }

  /** Not the same for all, so that they do not come back at once. */
  function comeBackAfterMs(): number | undefined {
    return retryMs === undefined ? undefined : retryMs * (0.5 + Math.random())
  }

  function comeBack(): Farewell {
    return { kind: 'come back', afterMs: comeBackAfterMs() }
  }

  async function close(deadlineMs: number): Promise<void> {
    closed = true
    await Promise.all([...sessions].map((session) => session.end('come back', deadlineMs)))
  }

  function beat(): void {
    for (const session of sessions) session.keepAlive()
  }

  /** While there are sessions they get heartbeats, and penknife.close() ends them. */
  function add(session: Session): void {
    if (sessions.size === 0) {
      forget = notifier.onClose(close)
      if (heartbeatMs !== undefined) heartbeats = setInterval(beat, heartbeatMs).unref()
    }
    sessions.add(session)
  }

  function remove(session: Session): void {
    if (!sessions.delete(session) || sessions.size > 0) return
    clearInterval(heartbeats)
    forget()
  }

  /** Writes to the sessions of one channel together; a session of several channels is on its own. */
  function fanOutOf(kind: TransportKind, [channel, ...others]: readonly string[]): ChannelFanOut | undefined {
    if (channel === undefined || others.length > 0) return undefined
    let found = fanOuts.get(kind)
    if (!found) {
      found = new FanOuts(kind)
      fanOuts.set(kind, found)
    }
    return found.of(channel)
  }

  function failed(error: unknown): Opened {
    if (isInvalid(error)) return { kind: 'invalid', error }
    if (!isOutage(error)) report(error)
    return { kind: 'ended', farewell: comeBack() }
  }

  async function open(kind: TransportKind, request: SessionRequest): Promise<Opened> {
    const { channels, user, cursors, authorize } = request
    const session = new Session(settings, channels)
    let allowed: readonly string[]
    try {
      // Before authorize is asked, so that no revocation falls behind its answer.
      if (user !== undefined) await session.admit(user)
    } catch (error) {
      return failed(error)
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
      add(session)
      const refused = channels.filter((channel) => !allowed.includes(channel))
      const fanOut = fanOutOf(kind, allowed)
      await session.follow({ channels: allowed, refused, fanOut, ...startOf(cursors, allowed) })
    } catch (error) {
      session.close()
      return failed(error)
    }
    if (closed) await session.end('come back')
    const { farewell } = session
    if (!farewell) return { kind: 'session', session }
    session.close()
    return { kind: 'ended', farewell }
  }

  return {
    open,
    get farewell() {
      return closed ? comeBack() : undefined
    },
    close,
  }
}

function isOutage(error: unknown): boolean {
  return error instanceof PenknifeError && error.code !== 'PENKNIFE_REJECTED'
}

function isInvalid(error: unknown): error is PenknifeError {
  return error instanceof PenknifeError && error.code === 'PENKNIFE_INVALID'
}
