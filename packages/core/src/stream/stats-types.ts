import type { Duration } from '../duration.ts'

export interface StreamStatsOptions {
  /**
   * The time over which rates are measured: up to 1 min; 0 measures none. If this process called `stats` that long ago, or up to a
   * minute longer, rates count from that call. Otherwise this call takes that long. Default: 1 s.
   */
  readonly over?: Duration | undefined
}

/** The state of a stream. */
export interface StreamStats {
  /** Entries in the stream. */
  readonly length: number
  /**
   * Memory of the stream in bytes, as Redis estimates it, without retries and dead letters. Undefined if the server has no MEMORY
   * USAGE, or does not let penknife's user run it.
   */
  readonly bytes: number | undefined
  /** Entries added per second, by all processes. */
  readonly addedPerSecond: number
  /** Milliseconds over which rates were measured. 0 if none were asked for; all rates are 0 then. */
  readonly overMs: number
  /** The declared groups, and every other group that the stream has. */
  readonly groups: readonly StreamGroupStats[]
}

export interface StreamGroupStats {
  readonly name: string
  /**
   * Entries that no worker has and that may be handled now: new ones, retries that are due, and those of low priority. Also delayed ones
   * that no worker has read yet.
   */
  readonly waiting: number
  /**
   * False when `waiting` is an estimate. Redis does not know the number after the group was reset or an entry was deleted by hand.
   * It is then counted up to some hundred entries, and beyond that estimated from the times in the ids.
   */
  readonly exact: boolean
  /** Entries under a worker's lease. */
  readonly running: number
  /** Entries that wait for a time: after a failed attempt, or added with a delay. */
  readonly delayed: number
  /** Entries that wait for an earlier entry of their key, see `order`. */
  readonly queued: number
  /** Dead letters. */
  readonly dead: number
  /**
   * Milliseconds since the oldest waiting, running or queued entry was added; 0 when there is none. Delayed entries, dead letters and
   * low entries that wait for others do not count. Of retries, due and high entries only the first in their queue counts,
   * of queued entries the first of one key.
   */
  readonly oldestAgeMs: number
  /**
   * Entries that the group finished per second: the entries added, less the increase of those not finished. Purged dead letters and
   * trimmed entries count as finished. An estimate when `waiting` is one.
   */
  readonly finishedPerSecond: number
  readonly paused: boolean
  /** Whether a worker of the group sent a command within the last 30 s. A worker does so every ten seconds. */
  readonly served: boolean
  readonly consumers: readonly StreamConsumerStats[]
}

/** A worker, as Redis knows it. The worker of a dead process is removed after some minutes, once no entry is pending for it. */
export interface StreamConsumerStats {
  /** The worker's consumer name. */
  readonly name: string
  /** Entries under its lease. */
  readonly running: number
  /** Milliseconds since its last command. */
  readonly idleMs: number
}
