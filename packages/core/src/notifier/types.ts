import type { NotifierEventMap, NotifierMessage, NotifierMessageOf, NotifierNotice } from './events.ts'
import type { Effect } from '../record/effect.ts'
import type { NotifierPublishOptions } from './options.ts'
import type { NotifierAdmission, NotifierAdmitOptions } from './rights/types.ts'
import type {
  NotifierIterateOptions,
  NotifierIterator,
  NotifierListening,
  NotifierListenOptions,
  NotifierSubscribeOptions,
  NotifierSubscription,
} from './subscription-types.ts'

/** One page of a channel's history. */
export interface NotifierHistoryPage<Message extends NotifierMessage = NotifierMessage> {
  readonly items: readonly Message[]
  /** The `after` of the next page. Undefined on the last page. */
  readonly next: string | undefined
  /** The position after this page. Give it to `from` of `subscribe` to continue there. */
  readonly position: string
  /** Whether events before this page can no longer be read: the history after the given position is gone. */
  readonly lost: boolean
}

export interface NotifierHistoryOptions {
  /** The position after which to read: an event's id, or `next` of the page before. Default: `'-'`, from the oldest event. */
  readonly after?: string | undefined
  /** The most events of a page: 1 to 200. Default: 100. */
  readonly limit?: number | undefined
}

/**
 * Channels of events with a history: see `createNotifier`. `Inputs` are the payloads that publishers give, `Events` those
 * that subscribers get. They are the same without schemas.
 */
export interface Notifier<
  Inputs extends object = NotifierEventMap,
  Events extends object = Inputs,
  Channel extends string = string,
> {
  readonly name: string
  /**
   * Adds the event to the channel's history and sends it to every subscriber. Resolves with its id.
   *
   * Cost: XREVRANGE, XADD, PEXPIRE and SPUBLISH in a script call that the publishes of a tick share. With `id` also GET
   * and SET, with `age` also XRANGE.
   *
   * @throws PENKNIFE_INVALID for data that its schema refuses, that JSON cannot represent, or of more than 64 KiB.
   */
  publish<Type extends keyof Inputs & string = Extract<'message', keyof Inputs>>(
    channel: Channel,
    data: Inputs[Type],
    options?: NotifierPublishOptions<Type>,
  ): Promise<string>
  /** The effect of publishing an event, for `record` and `commit`. Its result is the event's id. */
  publishing<Type extends keyof Inputs & string = Extract<'message', keyof Inputs>>(
    channel: Channel,
    data: Inputs[Type],
    options?: Omit<NotifierPublishOptions<Type>, 'id'>,
  ): Effect<string>
  /**
   * Sends to current listeners, of the channel (`subscribe`) and of patterns (`listen`), and stores nothing: best effort.
   * Resolves when Redis has sent it. Cost: two SPUBLISH in a script call that the nudges of a tick share.
   */
  nudge<Type extends keyof Inputs & string = Extract<'message', keyof Inputs>>(
    channel: Channel,
    data: Inputs[Type],
    options?: Pick<NotifierPublishOptions<Type>, 'type'>,
  ): Promise<void>
  /**
   * Receives the nudges whose channel matches a pattern, in which `*` stands for any characters or none. Patterns are for
   * nudges only: a published event belongs to the history of one channel, so follow it with `subscribe`.
   *
   * Nothing is caught up. Nudges are lost while the connection is down; afterwards the listener gets `interrupted`. A
   * silent connection is noticed within 15 s. Data that must not be stale for longer needs its own expiry.
   *
   * Cost: SSUBSCRIBE once for each process. A process that listens receives every nudge of this notifier and filters
   * them. Send nudges that few processes need through a notifier with another `name`.
   *
   * @throws PENKNIFE_INVALID for no pattern or more than 100; PENKNIFE_UNAVAILABLE as `subscribe`.
   */
  listen(
    patterns: readonly string[],
    options: NotifierListenOptions<NotifierMessageOf<Events>>,
  ): Promise<NotifierListening>
  /**
   * Follows channels: first the history after `from`, then every event, in order and once. If the history is gone, the
   * subscription gets a `reset` instead. Resolves when the first page of each channel's history (200 events or about
   * 128 KiB) was delivered; the rest follows. After an interruption the subscription catches up.
   *
   * @throws PENKNIFE_UNAVAILABLE when Redis cannot be reached within connect()'s deadline. Nothing stays subscribed then.
   */
  subscribe(
    channels: readonly Channel[],
    options: NotifierSubscribeOptions<NotifierMessageOf<Events>>,
  ): Promise<NotifierSubscription>
  /**
   * The same as an async iterator. It keeps at most 100 events in memory; the rest waits in the history. It waits while
   * Redis is away.
   *
   * It subscribes at the first `next`. Without `from`, a channel begins with the first event after `cursors()` names it.
   * To miss no event before that, give the `positions` of the channels as `from`.
   */
  events(
    channels: readonly Channel[],
    options?: NotifierIterateOptions<keyof Events & string>,
  ): NotifierIterator<NotifierMessageOf<Events>>
  /** The current position at the end of each channel's history. Cost: XREVRANGE for each channel. */
  positions(channels: readonly Channel[]): Promise<Readonly<Record<string, string>>>
  /**
   * Reads a page of a channel's history. For a channel without a history it stores where the next one begins, as a subscription does, so that
   * `position` is good for `from`. A notifier stores that of the newest 100,000 such channels, and a `from` of an older one gets a `reset`.
   * `history` of `inspect(penknife)` writes nothing.
   *
   * Cost: XREVRANGE, XRANGE for each 20 events, and ZSCORE, ZCARD, ZADD and PEXPIRE for a channel without a history.
   */
  history(
    channel: Channel,
    options?: NotifierHistoryOptions,
  ): Promise<NotifierHistoryPage<NotifierMessageOf<Events>>>
  /**
   * Deletes the channel's history. Followers get a `reset`, or a `state` with `getState`, and then later events. So does a
   * client that resumes later. A publish that repeats an `id` from before adds nothing. Does nothing without a history.
   *
   * Cost: XREVRANGE, ZSCORE, ZCARD, ZADD, PEXPIRE, UNLINK and SPUBLISH.
   */
  clear(channel: Channel): Promise<void>
  /**
   * Begins a connection of a user (1 to 256 characters) whose rights can end while it is open. From then on `revoke`
   * reaches it, in whichever process it is called.
   *
   * Look up the user's rights _after_ this resolved, so that no revocation is missed in between. Then subscribe with the
   * admission, and `close()` it when the connection is gone. A channel that was revoked stays revoked for this admission:
   * rights that are given again need a new one. If all rights are revoked before this resolves, `onEnd` was called, and
   * the admission is already closed.
   *
   * While the process is cut off from Redis, the admission's subscriptions deliver nothing. After that it reads the
   * revocations first.
   *
   * Cost: the first admission of a process follows one more channel; further ones cost nothing.
   *
   * @throws PENKNIFE_UNAVAILABLE when Redis cannot be reached within connect()'s deadline; PENKNIFE_REJECTED when Redis
   * refuses to read the revocations.
   */
  admit(user: string, options: NotifierAdmitOptions): Promise<NotifierAdmission>
  /**
   * Ends the user's rights to these channels (1 to 100), or to all channels if you give none, on all admissions with this
   * user name. Change what your own `authorize` returns first.
   *
   * Redis stores the revocation, so a process that was cut off reads it later. Clients get nothing that is published
   * after this resolved. Exception: a client that is just reading history, while the message is on its way. May be repeated.
   *
   * Cost: that of a publish.
   */
  revoke(user: string, channels?: readonly Channel[]): Promise<void>
  /** Adds a listener for events about the notifier itself. Returns a function that removes it. */
  on(listener: (notice: NotifierNotice) => void): () => void
  /**
   * The channels in which a subscription of this process, unless it is paused, has not delivered every event that Redis
   * stores. For tests. Cost: XREVRANGE for each followed channel.
   */
  behind(): Promise<string[]>
  /** Registers a function that penknife.close() calls first. Returns a function that unregisters it. */
  onClose(end: (deadlineMs: number) => Promise<void>): () => void
}

/** Any notifier, whatever the types of its events. */
export type AnyNotifier = Pick<Notifier, 'name' | 'subscribe' | 'admit' | 'onClose'>
