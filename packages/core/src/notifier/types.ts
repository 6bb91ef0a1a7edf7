import type { Duration } from '../duration.ts'

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
   * Names what the event tells anew, such as 'price:ACME': who catches up gets, of the events with this name in one page
   * of history, only the last. 1 to 64 of `A-Z a-z 0-9 _ . : -`.
   */
  readonly coalesce?: string
}

/** An event of a channel. */
export interface NotifierMessage<Type extends string = string, Data = unknown> {
  readonly kind: 'message'
  readonly channel: string
  /** `<epoch>-<offset>-<tag>`: give it to `from` to resume after it. Null for a nudge, which is not kept. */
  readonly id: string | null
  readonly type: Type
  /** The data as the JSON text that was published. */
  readonly json: string
  /** The data, parsed at the first access. */
  readonly data: Data
}

/** The channel's history after the cursor is gone: load the state afresh; live events follow after `id`. */
export interface NotifierReset {
  readonly kind: 'reset'
  readonly channel: string
  /** The cursor to resume from now on; `0-0` when the channel has no history. */
  readonly id: string
}

/** What `getState` loaded; every event after `id` follows. Takes the place of a reset. */
export interface NotifierState {
  readonly kind: 'state'
  readonly channel: string
  readonly id: string
  readonly state: unknown
}

/** The payload of each type of event: `{ message: Chat; typing: { user: string } }`. */
export type EventMap = Readonly<Record<string, unknown>>

/** Any event of a map, told apart by its `type`. */
export type MessageOf<Events extends EventMap> = {
  [Type in keyof Events & string]: NotifierMessage<Type, Events[Type]>
}[keyof Events & string]

export type NotifierEvent<Events extends EventMap = EventMap> =
  | MessageOf<Events>
  | NotifierReset
  | NotifierState

export interface FollowOptions {
  /**
   * For each channel the id after which to resume. A channel that is not named starts with the next event;
   * `'-'` begins with the oldest event kept.
   */
  readonly from?: Readonly<Record<string, string>>
  /** Only events of these types are delivered. Default: all. */
  readonly types?: readonly string[]
  /**
   * Loads a channel's state, when the subscription begins without a position and when history was lost. It is
   * called once the position is known and delivered as a `state` event before every event after that position: what
   * happened between loading and following is in one of the two, or in both.
   */
  readonly getState?: (channel: string) => unknown
}

export interface SubscribeOptions<Events extends EventMap = EventMap> extends FollowOptions {
  /** Is given each event, and the subscription, which may be paused or closed there and then. */
  readonly onEvent: (event: NotifierEvent<Events>, subscription: Subscription) => void
}

export interface Subscription {
  /** For each channel the id of the last event given out, to resume from. */
  cursors(): Readonly<Record<string, string>>
  /** Gives out nothing and keeps nothing until `resume`, which goes on from there out of the history. */
  pause(): void
  resume(): void
  close(): void
}

export interface IterateOptions extends FollowOptions {
  /** Ends the iteration: it throws the signal's reason. */
  readonly signal?: AbortSignal
}

/** Events as an async iterator, with the cursors of what was taken out of it. */
export interface EventIterator<Events extends EventMap = EventMap> extends AsyncIterableIterator<
  NotifierEvent<Events>
> {
  cursors(): Readonly<Record<string, string>>
}

/** One page of a channel's history. */
export interface HistoryPage<Events extends EventMap = EventMap> {
  readonly events: readonly MessageOf<Events>[]
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

export interface Notifier<Events extends EventMap = EventMap> {
  readonly name: string
  /**
   * Keeps the event in the channel's history and sends it to every subscriber; resolves with its id.
   *
   * Cost: XREVRANGE, XADD, PEXPIRE and SPUBLISH in a script call shared with the other publishes of the turn; with `id`
   * also GET and SET, with `age` also XRANGE.
   *
   * @throws PENKNIFE_INVALID for data that JSON cannot carry or of more than 64 KiB.
   */
  publish<Type extends keyof Events & string = Extract<'message', keyof Events>>(
    channel: string,
    data: Events[Type],
    options?: PublishOptions<Type>,
  ): Promise<string>
  /** Sends to whoever listens now and keeps nothing: best effort. Resolves when Redis took it. */
  nudge<Type extends keyof Events & string = Extract<'message', keyof Events>>(
    channel: string,
    data: Events[Type],
    options?: Pick<PublishOptions<Type>, 'type'>,
  ): Promise<void>
  /**
   * Follows channels: first the history after `from`, then every event, in order and once; or, when the history
   * is gone, a `reset`. Resolves when the first page of every channel's history (200 events or about
   * 128 KiB) was delivered; the rest follows by itself. After an interruption it
   * catches up by itself.
   *
   * @throws PENKNIFE_UNAVAILABLE when Redis cannot be reached within connect()'s deadline; nothing stays
   * subscribed then.
   */
  subscribe(channels: readonly string[], options: SubscribeOptions<Events>): Promise<Subscription>
  /**
   * The same as an async iterator. What is not taken waits in the history, not in memory: beyond 100 events the
   * iterator reads on when there is room. It waits out outages.
   */
  events(channels: readonly string[], options?: IterateOptions): EventIterator<Events>
  /** The position at the end of each channel's history now: XREVRANGE for each. */
  positions(channels: readonly string[]): Promise<Readonly<Record<string, string>>>
  /** Reads a page of a channel's history. */
  history(channel: string, options?: HistoryOptions): Promise<HistoryPage<Events>>
}
