import type { NotifierEventMap, NotifierMessageOf, NotifierMessage } from './events.ts'
import type { NotifierPublishOptions } from './options.ts'
import type { NotifierAdmission, NotifierAdmitOptions } from './rights/types.ts'
import type {
  NotifierIterator,
  NotifierIterateOptions,
  NotifierListening,
  NotifierListenOptions,
  NotifierSubscribeOptions,
  NotifierSubscription,
} from './subscription-types.ts'

/** One page of a channel's history. */
export interface NotifierHistoryPage<Message extends NotifierMessage = NotifierMessage> {
  readonly events: readonly Message[]
  /** Give it to `after` for the next page, or to `from` to follow on. */
  readonly cursor: string
  /** The position given is gone: there were events before these that cannot be read any more. */
  readonly lost: boolean
  /** Whether `cursor` is the end of the history. */
  readonly end: boolean
}

export interface NotifierHistoryOptions {
  /** Id after which to read. Default: `'-'`, from the oldest event kept. */
  readonly after?: string
  /** Events at the most: 1 to 200. Default: 100. */
  readonly count?: number
}

/** `Inputs` are the payloads that publishers give, `Events` those that subscribers get: the same without schemas. */
export interface Notifier<
  Inputs extends NotifierEventMap = NotifierEventMap,
  Events extends NotifierEventMap = Inputs,
  Channel extends string = string,
> {
  readonly name: string
  /**
   * Keeps the event in the channel's history and sends it to every subscriber; resolves with its id.
   *
   * Cost: XREVRANGE, XADD, PEXPIRE and SPUBLISH in a script call shared with the other publishes of the turn; with `id`
   * also GET and SET, with `age` also XRANGE.
   *
   * @throws PENKNIFE_INVALID for data that its schema refuses, that JSON cannot carry or of more than 64 KiB.
   */
  publish<Type extends keyof Inputs & string = Extract<'message', keyof Inputs>>(
    channel: Channel,
    data: Inputs[Type],
    options?: NotifierPublishOptions<Type>,
  ): Promise<string>
  /**
   * Sends to whoever listens now, to the channel (`subscribe`) or to a pattern (`listen`), and keeps nothing: best
   * effort. Resolves when Redis took it. Cost: two SPUBLISH in a script call shared with the other nudges of the turn.
   */
  nudge<Type extends keyof Inputs & string = Extract<'message', keyof Inputs>>(
    channel: Channel,
    data: Inputs[Type],
    options?: Pick<NotifierPublishOptions<Type>, 'type'>,
  ): Promise<void>
  /**
   * Hears nudges by patterns: those whose channel fits one, where `*` stands for any characters or none. Patterns are
   * for nudges alone. Published events have a history, which belongs to one channel: follow those by `subscribe`.
   *
   * Nothing is caught up. While the connection is away nudges are lost; once it is back the listener is given
   * `interrupted`. A connection that fell silent is noticed within 15 s, so what must not be stale for
   * longer than that, or than an outage lasts, needs a time to live of its own.
   *
   * Cost: SSUBSCRIBE once a process. A process that listens is sent every nudge of this notifier, and takes those that
   * fit: give nudges that few want to hear to a notifier of another `name`.
   *
   * @throws PENKNIFE_INVALID for no, or more than 100, patterns; PENKNIFE_UNAVAILABLE as `subscribe`.
   */
  listen(
    patterns: readonly string[],
    options: NotifierListenOptions<NotifierMessageOf<Events>>,
  ): Promise<NotifierListening>
  /**
   * Follows channels: first the history after `from`, then every event, in order and once; or, when the history
   * is gone, a `reset`. Resolves when the first page of every channel's history (200 events or about
   * 128 KiB) was delivered; the rest follows by itself. After an interruption it
   * catches up by itself.
   *
   * @throws PENKNIFE_UNAVAILABLE when Redis cannot be reached within connect()'s deadline; nothing stays
   * subscribed then.
   */
  subscribe(
    channels: readonly Channel[],
    options: NotifierSubscribeOptions<NotifierMessageOf<Events>>,
  ): Promise<NotifierSubscription>
  /**
   * The same as an async iterator. What is not taken waits in the history, not in memory: beyond 100 events the
   * iterator reads on when there is room. It waits out outages.
   */
  events(
    channels: readonly Channel[],
    options?: NotifierIterateOptions<keyof Events & string>,
  ): NotifierIterator<NotifierMessageOf<Events>>
  /** The position at the end of each channel's history now: XREVRANGE for each. */
  positions(channels: readonly Channel[]): Promise<Readonly<Record<string, string>>>
  /** Reads a page of a channel's history. */
  history(
    channel: Channel,
    options?: NotifierHistoryOptions,
  ): Promise<NotifierHistoryPage<NotifierMessageOf<Events>>>
  /**
   * Begins a connection of a user (1 to 256 characters) whose rights may end while it is there: from then on
   * `revoke` reaches it, wherever it is called. Ask what the user may follow _after_ this resolved, so that
   * nothing falls between, then subscribe with it; `close()` it when the connection is gone. What was revoked since it
   * began is not followed by it again: rights given anew need a new one. When all rights are revoked before it resolved,
   * `onEnd` was called, and the admission is closed already.
   *
   * While the process is cut off from Redis its subscriptions give out nothing; after that revocations are read first.
   *
   * Cost: the first one of a process follows one more channel, every further one nothing.
   *
   * @throws PENKNIFE_UNAVAILABLE when Redis cannot be reached within connect()'s deadline; PENKNIFE_REJECTED when Redis
   * refuses to read the revocations.
   */
  admit(user: string, options: NotifierAdmitOptions): Promise<NotifierAdmission>
  /**
   * Ends the user's rights to these channels (1 to 100), or to all without, for everyone who was admitted with this
   * name: change what your own `authorize` answers first. Kept, so that a process that was cut off learns of it later.
   * Who is connected gets nothing that is published after this resolved, but for what it is just reading out of the
   * history while the message is on its way. May be repeated.
   *
   * Cost: that of a publish.
   */
  revoke(user: string, channels?: readonly Channel[]): Promise<void>
  /**
   * The channels of which a subscription of this process, unless it is paused, was not given every event that Redis keeps.
   * For tests. Cost: XREVRANGE for each channel that is followed.
   */
  behind(): Promise<string[]>
  /** Registers what penknife.close() is to end first; the function that comes back takes it off again. */
  onClose(end: () => Promise<void>): () => void
}

/** Any notifier, whatever the types of its events. */
export type AnyNotifier = Pick<Notifier, 'name' | 'subscribe' | 'admit' | 'onClose'>
