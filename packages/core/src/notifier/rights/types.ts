import type { NotifierClosable } from '../closing.ts'

/**
 * Why an admission ended:
 *
 * - 'revoked': all rights of the user were revoked
 * - 'connections': newer connections of the user replaced it
 * - 'lost': revocations may have been lost, because Redis lost its data or this process missed more than 10,000 of them.
 *   Look up the user's rights again.
 */
export type NotifierAdmissionEnd = 'revoked' | 'connections' | 'lost'

export interface NotifierAdmitOptions {
  /** Called when channels were revoked; the admission's subscriptions have left them already. Once for each channel. */
  readonly onRevoked: (channels: readonly string[]) => void
  /** Called when the admission ended: close the connection. Its subscriptions are closed already. */
  readonly onEnd: (reason: NotifierAdmissionEnd) => void
}

/** One connection of a user. `close()` it when the connection is gone: that closes its subscriptions, and it no longer counts. */
export interface NotifierAdmission extends NotifierClosable {
  readonly user: string
  /**
   * Counts this connection among the user's connections in all processes. If there are more than `most` (1 to 100), the
   * oldest end with the reason 'connections'. Connections of a dead process count for a minute at most, and never push
   * out others.
   *
   * Cost: ZREMRANGEBYSCORE, ZRANGE, ZADD and PEXPIRE in a script call shared with others of the tick. Every 20 s the same
   * with ZCARD instead of ZRANGE; at the end ZRANGE and ZREM. Each process with such connections follows a pub/sub channel.
   *
   * @throws PENKNIFE_UNAVAILABLE, or another error with `outage`, when Redis cannot answer: the connection does not count.
   */
  limit(most: number): Promise<void>
}
