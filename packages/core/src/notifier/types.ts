import type { Duration } from '../duration.ts'
import type {
  EventMap,
  EventSchemas,
  FollowedEvent,
  MessageOf,
  NotifierMessage,
  NudgeEvent,
} from './events.ts'

export interface NotifierOptions {
  /** Names the notifier's keys. Default: 'main'. */
  readonly name?: string
  /** Events kept for each channel: a whole number from 1. Default: 1,000. */
  readonly history?: number
  /** Events older than this are not kept either. Default: no such bound. */
  readonly age?: Duration
  /** A channel's history goes this long after its last event. Default: 1 day. */
  readonly ttl?: Duration
  /** For how long a repeated `id` is the same event. Default: 5 minutes. */
  readonly dedupWindow?: Duration
}

export interface NotifierSchemaOptions<Schemas extends EventSchemas = EventSchemas> extends NotifierOptions {
  /**
   * A Standard Schema (zod, valibot, arktype …) for each type of event. `publish` and `nudge` refuse data that does not
   * fit, and types without a schema; they send the schema's output, as JSON. Subscribers get it as it was sent: it is
   * not checked again, and an output that JSON turns into something else (a Date into text) is that.
   *
   * Where a schema answers later (a promise), the event is sent when it did: publishes that do not wait for each other
   * may overtake each other then. Else events of a channel are sent in the order of the calls. Default: none.
   */
  readonly schemas: Schemas
}

export interface PublishOptions<Type extends string = string> {
  /** The event's type, 1 to 64 of `A-Z a-z 0-9 _ . -`. Default: 'message'. */
  readonly type?: Type
  /**
   * Makes the publish idempotent: repeated within `dedupWindow` it adds nothing and resolves with the first one's
   * id, so that a publish of unknown fate can be made again. 1 to 128 characters.
   */
  readonly id?: string
  /** After this the event is not worth reading: who catches up later does not get it. Default: never. */
  readonly ttl?: Duration
  /**
   * Names what the event tells anew, such as 'price:ACME': who catches up gets, of the events of this type and name in one
   * page of history, only the last. 1 to 64 of `A-Z a-z 0-9 _ . : -`.
   */
  readonly coalesce?: string
}

export interface FollowOptions<Type extends string = string> {
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

export interface SubscribeOptions<Message extends NotifierMessage = NotifierMessage> extends FollowOptions<
  Message['type']
> {
  /** Is given each event, and the subscription, which may be paused or closed there and then. */
  onEvent(event: FollowedEvent<Message>, subscription: Subscription): void
  /** Follows by the rights of a user: what is revoked is left at once, and with the admission the subscription ends. */
  readonly admission?: Admission
  /**
   * Who is told for many subscriptions at once, whenever this one has caught up with them. For subscriptions of one
   * channel, without `types` and `getState`. Default: each is told for itself.
   */
  readonly audience?: Audience<Message>
  /**
   * From now on the audience is told what follows on the subscription's cursors (`true`), or the subscription is
   * again (`false`: it was paused or closed). It is called in between two events, never from within the audience's
   * `onEvent` with `true`.
   */
  onAudience?(inside: boolean, subscription: Subscription): void
}

/** Subscriptions that are told together, which costs the same for one and for ten thousand. */
export interface Audience<Message extends NotifierMessage = NotifierMessage> {
  /** Is given each event once, for all of the subscriptions inside. */
  onEvent(event: FollowedEvent<Message>): void
}

export interface Subscription {
  /** For each channel the id of the last event given out, to resume from. */
  cursors(): Readonly<Record<string, string>>
  /** Gives out nothing and keeps nothing until `resume`, which goes on from there out of the history. */
  pause(): void
  resume(): void
  /** Follows these channels no longer. */
  leave(channels: readonly string[]): void
  close(): void
}

export interface ListenOptions<Message extends NotifierMessage = NotifierMessage> {
  /** Is given each nudge that fits, and `interrupted` after each interruption of the connection. */
  onEvent(event: NudgeEvent<Message>): void
}

export interface Listening {
  close(): void
}

export interface IterateOptions<Type extends string = string> extends FollowOptions<Type> {
  /** Ends the iteration: it throws the signal's reason. */
  readonly signal?: AbortSignal
}

/** Events as an async iterator, with the cursors of what was taken out of it. */
export interface EventIterator<
  Message extends NotifierMessage = NotifierMessage,
> extends AsyncIterableIterator<FollowedEvent<Message>> {
  cursors(): Readonly<Record<string, string>>
}

/**
 * Why an admission ended: the user's rights were revoked; newer connections took its place; or revocations may have
 * been lost, because Redis lost its data or this process was away for more than 10,000 of them: ask anew what the user may.
 */
export type AdmissionEnd = 'revoked' | 'connections' | 'lost'

export interface AdmitOptions {
  /** The user may no longer follow these channels, each told once, of which the connection's subscriptions have left already. */
  readonly onRevoked: (channels: readonly string[]) => void
  /** The connection is to be closed; its subscriptions are already. */
  readonly onEnd: (reason: AdmissionEnd) => void
}

/** One connection of a user, as long as the user may have it. */
export interface Admission {
  readonly user: string
  /**
   * Counts this connection among the user's over all processes; of more than `most` (1 to 100) the oldest end, for
   * 'connections'. Connections of a process that died count for a minute at the most, and take no place of others.
   *
   * Cost: ZREMRANGEBYSCORE, ZRANGE, ZADD and PEXPIRE in a script call shared with others of the turn; every 20 s
   * the same with ZCARD for ZRANGE; at the end ZRANGE and ZREM. Each process with such connections follows a pub/sub channel.
   *
   * @throws PENKNIFE_UNAVAILABLE and its kin when Redis cannot be asked: the connection does not count.
   */
  limit(most: number): Promise<void>
  /** The connection is gone: closes its subscriptions, and counts no longer. */
  close(): void
}

/** One page of a channel's history. */
export interface HistoryPage<Message extends NotifierMessage = NotifierMessage> {
  readonly events: readonly Message[]
  /** Give it to `after` for the next page, or to `from` to follow on. */
  readonly cursor: string
  /** The position given is gone: there were events before these that cannot be read any more. */
  readonly lost: boolean
  /** Whether `cursor` is the end of the history. */
  readonly end: boolean
}

export interface HistoryOptions {
  /** Id after which to read. Default: `'-'`, from the oldest event kept. */
  readonly after?: string
  /** Events at the most: 1 to 200. Default: 100. */
  readonly count?: number
}

/** `Inputs` are the payloads that publishers give, `Events` those that subscribers get: the same without schemas. */
export interface Notifier<
  Inputs extends EventMap = EventMap,
  Events extends EventMap = Inputs,
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
    options?: PublishOptions<Type>,
  ): Promise<string>
  /**
   * Sends to whoever listens now, to the channel (`subscribe`) or to a pattern (`listen`), and keeps nothing: best
   * effort. Resolves when Redis took it. Cost: two SPUBLISH in a script call shared with the other nudges of the turn.
   */
  nudge<Type extends keyof Inputs & string = Extract<'message', keyof Inputs>>(
    channel: Channel,
    data: Inputs[Type],
    options?: Pick<PublishOptions<Type>, 'type'>,
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
  listen(patterns: readonly string[], options: ListenOptions<MessageOf<Events>>): Promise<Listening>
  /**
   * Follows channels: first the history after `from`, then every event, in order and once; or, when the history
   * is gone, a `reset`. Resolves when the first page of every channel's history (200 events or about
   * 128 KiB) was delivered; the rest follows by itself. After an interruption it
   * catches up by itself.
   *
   * @throws PENKNIFE_UNAVAILABLE when Redis cannot be reached within connect()'s deadline; nothing stays
   * subscribed then.
   */
  subscribe(channels: readonly Channel[], options: SubscribeOptions<MessageOf<Events>>): Promise<Subscription>
  /**
   * The same as an async iterator. What is not taken waits in the history, not in memory: beyond 100 events the
   * iterator reads on when there is room. It waits out outages.
   */
  events(
    channels: readonly Channel[],
    options?: IterateOptions<keyof Events & string>,
  ): EventIterator<MessageOf<Events>>
  /** The position at the end of each channel's history now: XREVRANGE for each. */
  positions(channels: readonly Channel[]): Promise<Readonly<Record<string, string>>>
  /** Reads a page of a channel's history. */
  history(channel: Channel, options?: HistoryOptions): Promise<HistoryPage<MessageOf<Events>>>
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
  admit(user: string, options: AdmitOptions): Promise<Admission>
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
