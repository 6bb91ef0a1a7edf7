import type { NotifierFollowedEvent, NotifierMessage, NotifierNudge } from './events.ts'
import type { NotifierAdmission } from './rights/types.ts'

export interface NotifierFollowOptions<Type extends string = string> {
  /**
   * For each channel the id after which to resume. A channel that is not named starts with the next event;
   * `'-'` begins with the oldest event kept.
   */
  readonly from?: Readonly<Record<string, string>>
  /** Only events of these types are delivered. Default: all. */
  readonly types?: readonly Type[]
  /**
   * Loads a channel's state, when the subscription begins without a position and when history was lost. It is
   * called once the position is known and delivered as a `state` event before every event after that position: what
   * happened between loading and following is in one of the two, or in both.
   */
  readonly getState?: (channel: string) => unknown
}

export interface NotifierSubscribeOptions<
  Message extends NotifierMessage = NotifierMessage,
> extends NotifierFollowOptions<Message['type']> {
  /** Is given each event, and the subscription, which may be paused or closed there and then. */
  onEvent(event: NotifierFollowedEvent<Message>, subscription: NotifierSubscription): void
  /** Follows by the rights of a user: what is revoked is left at once, and with the admission the subscription ends. */
  readonly admission?: NotifierAdmission
  /**
   * Gets the events of many subscriptions at once, each while it has caught up with the others. For subscriptions of one
   * channel, without `types` and `getState`. Default: each subscription gets its events by itself.
   */
  readonly audience?: NotifierAudience<Message>
  /**
   * Called with `true` when the audience gets the events after the subscription's cursors from now on, with `false` when
   * the subscription does again (it was paused or closed). It is called between two events, never from within the audience's
   * `onEvent` with `true`.
   */
  onAudience?(inside: boolean, subscription: NotifierSubscription): void
}

/** Gets the events of many subscriptions together, which costs the same for one and for ten thousand. */
export interface NotifierAudience<Message extends NotifierMessage = NotifierMessage> {
  /** Called once for each event, for all of the subscriptions inside. */
  onEvent(event: NotifierFollowedEvent<Message>): void
}

export interface NotifierSubscription {
  /** For each channel the id of the last event given out, to resume from. */
  cursors(): Readonly<Record<string, string>>
  /** Gives out nothing and keeps nothing until `resume`, which goes on from there out of the history. */
  pause(): void
  resume(): void
  /** Follows these channels no longer. */
  leave(channels: readonly string[]): void
  close(): void
}

export interface NotifierListenOptions<Message extends NotifierMessage = NotifierMessage> {
  /** Is given each nudge that fits, and `interrupted` after each interruption of the connection. */
  onEvent(event: NotifierNudge<Message>): void
}

export interface NotifierListening {
  close(): void
}

export interface NotifierIterateOptions<Type extends string = string> extends NotifierFollowOptions<Type> {
  /** Ends the iteration: it throws the signal's reason. */
  readonly signal?: AbortSignal
}

/** Events as an async iterator, with the cursors of what was taken out of it. */
export interface NotifierIterator<
  Message extends NotifierMessage = NotifierMessage,
> extends AsyncIterableIterator<NotifierFollowedEvent<Message>> {
  cursors(): Readonly<Record<string, string>>
}
