import type { Duration } from '../duration.ts'

export interface NotifierOptions {
  /** Names the notifier's keys. Default: 'main'. */
  readonly name?: string
  /** Events kept for each channel: a whole number from 1. Default: 1,000. */
  readonly history?: number
  /** A channel's history goes this long after its last event. Default: 1 day. */
  readonly ttl?: Duration
}

export interface PublishOptions {
  /** The event's type, 1 to 64 of `A-Z a-z 0-9 _ . -`. Default: 'message'. */
  readonly type?: string
}

/** An event of a channel. */
export interface NotifierMessage {
  readonly kind: 'message'
  readonly channel: string
  /** `<epoch>-<offset>`: give it to `from` to resume after it. Null for a nudge, which is not kept. */
  readonly id: string | null
  readonly type: string
  /** The data as the JSON text that was published. */
  readonly json: string
  /** The data, parsed at the first access. */
  readonly data: unknown
}

/** The channel's history after the cursor is gone: load the state afresh; live events follow after `id`. */
export interface NotifierReset {
  readonly kind: 'reset'
  readonly channel: string
  /** The cursor to resume from now on; `0-0` when the channel has no history. */
  readonly id: string
}

export type NotifierEvent = NotifierMessage | NotifierReset

export interface SubscribeOptions {
  /**
   * For each channel the id after which to resume. A channel that is not named starts with the next event;
   * `'-'` begins with the oldest event kept.
   */
  readonly from?: Readonly<Record<string, string>>
  readonly onEvent: (event: NotifierEvent) => void
}

export interface Subscription {
  /** For each channel the id of the last event given to `onEvent`, to resume from. */
  cursors(): Readonly<Record<string, string>>
  close(): void
}

export interface Notifier {
  readonly name: string
  /**
   * Keeps the event in the channel's history and sends it to every subscriber; resolves with its id.
   *
   * Cost: XREVRANGE, XADD, PEXPIRE and SPUBLISH in a script call shared with the other publishes of the turn.
   *
   * @throws PENKNIFE_INVALID for data that JSON cannot carry or of more than 64 KiB.
   */
  publish(channel: string, data: unknown, options?: PublishOptions): Promise<string>
  /** Sends to whoever listens now and keeps nothing: best effort. Resolves when Redis took it. */
  nudge(channel: string, data: unknown, options?: PublishOptions): Promise<void>
  /**
   * Follows channels: first the history after `from`, then every event, in order and once; or, when the history
   * is gone, a `reset`. Resolves when the first page of every channel's history (200 events or about
   * 128 KiB) was delivered; the rest follows by itself. After an interruption it
   * catches up by itself.
   *
   * @throws PENKNIFE_UNAVAILABLE when Redis cannot be reached within connect()'s deadline; nothing stays
   * subscribed then.
   */
  subscribe(channels: readonly string[], options: SubscribeOptions): Promise<Subscription>
}
