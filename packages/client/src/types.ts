import type { Jsonified } from './json.ts'

/** The payload of each type of event, as on the server: `{ message: Chat; typing: { user: string } }`. */
export type LiveEventMap = Readonly<Record<string, unknown>>

/** An event of a channel. */
export interface LiveEvent<Type extends string = string, Data = unknown> {
  readonly channel: string
  /** The position after this event. Null for a nudge, which the server does not store. */
  readonly id: string | null
  readonly type: Type
  readonly data: Data
}

/** Any event of a map, distinguished by its `type`. */
export type LiveEventOf<Events extends object> = {
  [Type in keyof Events & string]: LiveEvent<Type, Jsonified<Events[Type]>>
}[keyof Events & string]

/**
 * Why a channel is not followed any more: its rights were revoked, the server does not allow it, its name is wrong, or the
 * connection has as many channels as it may have.
 */
export type LiveRefusal = 'revoked' | 'forbidden' | 'invalid' | 'too many'

export interface LiveSubscribeOptions<Events extends object = LiveEventMap, State = unknown> {
  /** Called for each event, in order and once. */
  readonly onEvent?: ((event: LiveEventOf<Events>) => void) | undefined
  /**
   * Called with the channel's state, if the server loads one: at the beginning, when events were lost, and when another
   * subscription with `onState` begins.
   */
  readonly onState?: ((state: State) => void) | undefined
  /** Called when events were lost: load the state of the channel again. Later events follow. */
  readonly onReset?: (() => void) | undefined
  /** Called when the channel is not followed any more. */
  readonly onEnd?: ((reason: LiveRefusal) => void) | undefined
  /** The position after which to begin. Default: that of the storage, else the next event. */
  readonly from?: string | undefined
}

/** A change of a view, as the server sends it: rows that are new or differ, and the members in their new order; or the new value. */
export type LiveChange =
  | { readonly set: readonly { readonly member: string }[]; readonly order?: readonly string[] }
  | { readonly value: unknown }

export interface LiveViewOptions<Value = unknown> {
  /** Called with the value, at the beginning and after each change. */
  onValue(value: Value): void
  /** Called when the view is not followed any more. */
  readonly onEnd?: ((reason: LiveRefusal) => void) | undefined
}

export interface LiveSubscription {
  readonly channel: string
  /** The position of the last event, for `from`. Undefined before the server sent one. */
  readonly position: string | undefined
  close(): void
}

export type LiveTransport = 'websocket' | 'sse'

/** A change of the connection. */
export type LiveStatus =
  /** Nothing is followed yet. */
  | { readonly kind: 'idle' }
  | { readonly kind: 'connecting'; readonly transport: LiveTransport }
  | { readonly kind: 'open'; readonly transport: LiveTransport }
  /** It connects again after this time, or when the network or the page is back. */
  | { readonly kind: 'waiting'; readonly afterMs: number }
  /**
   * It does not connect again by itself. The reason is that of the server ('revoked', 'connections', 'too many frames', …),
   * 'refused' for a status of 400 to 404, or 'closed' by `close`.
   */
  | { readonly kind: 'closed'; readonly reason: string }

/** An address, or a function that returns one for each connect, such as one with a fresh token. */
export type LiveAddress = string | (() => string | Promise<string>)

/** What the client needs of a WebSocket: browsers, Node 22, Deno, Bun and `ws` have it. */
export interface WebSocketLike {
  readonly readyState: number
  send(text: string): void
  close(): void
  addEventListener(
    type: 'open' | 'message' | 'close' | 'error',
    listener: (event: WebSocketLikeEvent) => void,
  ): void
}

/** Of a message it has the data, of a close the code and the reason. */
export interface WebSocketLikeEvent {
  readonly type: string
  readonly data?: unknown
  readonly code?: number
  readonly reason?: string
}

export type WebSocketClass = new (url: string, protocol: string) => WebSocketLike

/** `sessionStorage`, `localStorage` and the like. */
export interface LiveStorage {
  getItem(key: string): string | null
  setItem(key: string, value: string): void
}

export interface LiveOptions {
  /**
   * The address of the same channels as server-sent events, for where a WebSocket cannot get through. The route must read the
   * channels from `?channel=`. Default: no such fallback.
   */
  readonly sse?: LiveAddress | undefined
  /** Headers of the requests for server-sent events. Default: none. Cookies are sent. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Keeps positions in this storage, so that a page that is loaded again resumes: `sessionStorage`. Default: in memory. */
  readonly storage?: LiveStorage | undefined
  /**
   * After so many milliseconds without anything from the server, not even a heartbeat, it is asked for a sign. An event stream,
   * which cannot be asked, is given up after 1.8 times that. Give more than the server's heartbeat. Default: 25,000.
   */
  readonly silenceMs?: number | undefined
  /** The WebSocket class, for Node 20: that of `ws`. Default: the global one. `false`: only server-sent events. */
  readonly WebSocket?: WebSocketClass | false | undefined
}

/** A connection that reconnects by itself and resumes each channel. It connects with the first subscription. */
export interface Live<Events extends object = LiveEventMap> {
  readonly status: LiveStatus
  /** Follows a channel. Several subscriptions of one channel share it. */
  subscribe<State = unknown>(channel: string, options: LiveSubscribeOptions<Events, State>): LiveSubscription
  /** Follows a live view of the server: the option `views` of `notificationSockets` and `notifications`. */
  view<Value = unknown>(channel: string, options: LiveViewOptions<Value>): LiveSubscription
  /**
   * Renews the rights with a token, without a reconnect. Resolves with whether the server accepted it. Over server-sent
   * events, and when the connection breaks meanwhile, it reconnects, and resolves with true: give the token in the address.
   */
  auth(token: string): Promise<boolean>
  /** Calls the listener with each change of the status. Returns a function that removes it. */
  on(listener: (status: LiveStatus) => void): () => void
  /** Connects now: after `closed`, or instead of waiting. */
  reconnect(): void
  close(): void
}
