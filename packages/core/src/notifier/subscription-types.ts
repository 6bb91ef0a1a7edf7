import type { NotifierClosable } from './closing.ts'
import type { NotifierFollowedEvent, NotifierMessage, NotifierNudge } from './events.ts'
import type { NotifierAdmission } from './rights/types.ts'

export interface NotifierFollowOptions<Type extends string = string> {
  /**
   * For each channel the id after which to resume. `'-'` begins with the oldest event. Default for a channel: the next
   * event.
   */
  readonly from?: Readonly<Record<string, string>> | undefined
  /** Only events of these types are delivered. Default: all. */
  readonly types?: readonly Type[] | undefined
  /**
   * Loads a channel's state when the subscription begins without a position, and when history was lost. It is called
   * once the position is known. Its result is delivered as a `state` event before every event after that position. So a
   * change during loading is in the state, in an event, or in both.
   */
  readonly getState?: ((channel: string) => unknown) | undefined
}

export interface NotifierSubscribeOptions<
  Message extends NotifierMessage = NotifierMessage,
> extends NotifierFollowOptions<Message['type']> {
  /** Called for each event, with the subscription, which it may pause or close. */
  onEvent(event: NotifierFollowedEvent<Message>, subscription: NotifierSubscription): void
  /** The rights of a user. The subscription leaves channels that are revoked, and ends with the admission. */
  readonly admission?: NotifierAdmission | undefined
  /**
   * Gets the events of many subscriptions at once, of each while it is caught up with the others. For subscriptions of one
   * channel, without `types`. All with the same audience must have the same `getState`: when history is lost it is called
   * once for all. Default: each subscription delivers its own events.
   */
  readonly audience?: NotifierAudience<Message> | undefined
  /**
   * Called with `true` when the audience gets the events after the subscription's cursors from now on. Called with `false`
   * when the subscription delivers its own events again (it was paused or closed). It is called between two events, and
   * never with `true` from within the audience's `onEvent`.
   */
  readonly onAudience?: ((inside: boolean, subscription: NotifierSubscription) => void) | undefined
}

/** Gets the events of many subscriptions together, which costs the same for one and for ten thousand. */
export interface NotifierAudience<Message extends NotifierMessage = NotifierMessage> {
  /** Called once for each event, for all subscriptions inside. */
  onEvent(event: NotifierFollowedEvent<Message>): void
}

export interface NotifierSubscription extends NotifierClosable {
  /** For each channel the id of the last delivered event, to resume from. */
  cursors(): Readonly<Record<string, string>>
  /** Delivers nothing until `resume`, which continues from the history. Keeps nothing in memory meanwhile. */
  pause(): void
  resume(): void
  /** Stops following these channels. */
  leave(channels: readonly string[]): void
}

export interface NotifierListenOptions<Message extends NotifierMessage = NotifierMessage> {
  /** Called for each nudge that matches, and with `interrupted` after each interruption of the connection. */
  onEvent(event: NotifierNudge<Message>): void
}

export type NotifierListening = NotifierClosable

export interface NotifierIterateOptions<Type extends string = string> extends NotifierFollowOptions<Type> {
  /** Ends the iteration, which then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

/** Events as an async iterator. */
export interface NotifierIterator<
  Message extends NotifierMessage = NotifierMessage,
> extends AsyncIterableIterator<NotifierFollowedEvent<Message>> {
  /** For each channel the id of the last event that was taken out of the iterator. */
  cursors(): Readonly<Record<string, string>>
  [Symbol.asyncDispose](): Promise<void>
}
