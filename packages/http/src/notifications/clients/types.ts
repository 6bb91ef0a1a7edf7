import type { Exchange } from '../../exchange/exchange.ts'

/** A connected client of `notifications` or `notificationSockets`. */
export interface NotificationClient {
  /** Random, and the same as long as the client is connected. */
  readonly id: string
  readonly transport: 'sse' | 'websocket'
  /** The result of the middleware's `user`. */
  readonly user: string | undefined
  /** The channels that it follows now. */
  readonly channels: readonly string[]
  /**
   * Sends an event to this client alone, on a channel that it follows, and stores nothing. The client gets it as a nudge. Returns
   * false, and sends nothing, if it does not follow the channel, or has more than 64 KiB of unsent bytes. Other events may
   * overtake it.
   *
   * @throws PENKNIFE_INVALID for a wrong type, and for data that JSON cannot represent or of more than 64 KiB.
   */
  nudge(channel: string, data: unknown, options?: { readonly type?: string }): boolean
  /** Asks the client to reconnect, so that its rights are looked up again. `notifier.revoke` ends a user's rights for good. */
  reconnect(): void
}

export interface NotificationClientsOptions {
  /** Called when a client is connected, with the exchange of its request. If it fails, that is reported, and the client stays. */
  readonly onConnect?: ((client: NotificationClient, exchange: Exchange) => unknown) | undefined
  /** Called when a client is gone. If it fails, that is reported. */
  readonly onDisconnect?: ((client: NotificationClient) => unknown) | undefined
}

/** The connected clients of this process. Give it to one or more middlewares as `clients`. */
export interface NotificationClients extends Iterable<NotificationClient> {
  /** How many clients are connected to this process. */
  readonly size: number
  /** How many of them follow a channel. Checks every client. */
  count(channel: string): number
  get(id: string): NotificationClient | undefined
  /** The clients of a user. Checks every client. */
  of(user: string): readonly NotificationClient[]
}
