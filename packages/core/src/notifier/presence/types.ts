import type { Duration } from '../../duration.ts'
import type { Effect } from '../../record/effect.ts'
import type { NotifierClosable } from '../closing.ts'

export interface PresenceOptions {
  /**
   * How long the members of a killed or disconnected process stay, 3 s to 10 min. Each process renews a third of it after the last
   * time, once for each channel. Default: 30 s.
   */
  readonly lease?: Duration | undefined
  /**
   * How long a member stays after its last membership ended, up to 1 min, so that a reload of a page is no leave. 0: it leaves at once.
   * Default: 5 s.
   */
  readonly grace?: Duration | undefined
  /**
   * A notifier of the same space. Each change is published there on the channel, in the same step: the types `joined` and `left`
   * with the data `{ member }`. The list is then kept for a day after the last sign of a process, so that nobody leaves without an
   * event. Default: no events.
   */
  readonly announce?: PresenceAnnouncer | undefined
}

/** A notifier of any events. */
export interface PresenceAnnouncer {
  publishing(channel: never, data: never, options?: never): Effect<string>
}

/** The members of a channel at a moment. */
export interface PresenceMembers {
  /** How many there are. */
  readonly count: number
  /** At most `limit` of them, sorted. Any of them, if there are more. */
  readonly members: readonly string[]
}

/** One reason why somebody is a member: a connection, or anything else of this process. */
export interface PresenceMembership {
  /** Resolves when Redis has the member. It never rejects: while Redis is away it waits. */
  readonly joined: Promise<void>
  /**
   * Ends it. With its last membership a member leaves after `grace`. The call to Redis comes later, and is repeated if Redis is
   * away.
   */
  leave(): void
}

/** Who is on the channels, over all processes: see `createPresence`. */
export interface Presence extends NotifierClosable {
  readonly name: string
  /**
   * Makes somebody (1 to 256 characters) a member of a channel as long as this process lives, until `leave`. Further memberships of
   * the same member cost nothing.
   *
   * @throws PENKNIFE_INVALID for a wrong name; PENKNIFE_CLOSED after `close`.
   */
  join(channel: string, member: string): PresenceMembership
  /** How many members a channel has. Cost: HLEN and some checks in a script call. */
  count(channel: string): Promise<number>
  /** The members of a channel: at most `limit` of them, 1 to 1,000 (default: 1,000). Cost: HSCAN and some checks in a script call. */
  members(channel: string, options?: { readonly limit?: number | undefined }): Promise<PresenceMembers>
}
