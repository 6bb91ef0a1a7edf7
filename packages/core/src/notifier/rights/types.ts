/**
 * Why an admission ended: the user's rights were revoked; newer connections took its place; or revocations may have
 * been lost, because Redis lost its data or this process was away for more than 10,000 of them: ask anew what the user may.
 */
export type NotifierAdmissionEnd = 'revoked' | 'connections' | 'lost'

export interface NotifierAdmitOptions {
  /** The user may no longer follow these channels, which the connection's subscriptions left already. Each channel is named once. */
  readonly onRevoked: (channels: readonly string[]) => void
  /** The connection is to be closed; its subscriptions are already. */
  readonly onEnd: (reason: NotifierAdmissionEnd) => void
}

/** One connection of a user, as long as the user may have it. */
export interface NotifierAdmission {
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
