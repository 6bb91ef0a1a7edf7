import type { AnyNotifier, NotifierAdmission } from '@penknife/core'

import type { ChannelFanOut } from './fan-out.ts'
import type { Members } from './memberships.ts'
import type { Followed } from './start.ts'

/** The settings of all sessions of one middleware. */
export interface SessionSettings {
  readonly notifier: AnyNotifier
  /** A client that reads nothing for this long is disconnected. */
  readonly stallMs: number
  /** Returns the time after which a client should reconnect, random for each; undefined: its own time. */
  readonly reconnectAfterMs: () => number | undefined
  /** Loads the state of a channel, for clients that begin there or lost events. */
  readonly getState: ((channel: string) => unknown) | undefined
  /** Where a client without a position begins. */
  readonly start: 'next' | 'oldest'
  /** Makes each client's user a member of its channels. */
  readonly presence: Members | undefined
  /** Whether a followed channel is a live view, whose clients get a state and never a reset. */
  readonly isView: ((channel: string) => boolean) | undefined
}

/** What a session belongs to: all sessions of a middleware, or the connection of a client with several sessions. */
export interface SessionOwner<Session = unknown> {
  /** The admission that the sessions of a connection share. Undefined: a session may have its own. */
  readonly admission: NotifierAdmission | undefined
  sessionClosed(session: Session): void
}

/** The channels that a client follows, after its rights were checked. */
export interface Following extends Followed {
  /** Writes to all clients of this channel together. Undefined if the client follows several channels. */
  readonly fanOut?: ChannelFanOut | undefined
  /** The types of events that the client gets. Undefined: all. */
  readonly types?: readonly string[] | undefined
}
