import type { DeadLetters } from './dead-letter-types.ts'
import type { StreamBound } from './ids.ts'
import type { StreamGroupStats } from './stats-types.ts'

export interface StreamResetOptions {
  /**
   * The group reads every entry from this entry or time on, also those that it read before. `'-'` is the oldest entry; `'+'` means
   * only entries that are added from now on.
   */
  readonly to: StreamBound
  /**
   * Drops the running, retrying and delayed entries of the group, wherever they are in the stream. Workers lose those leases.
   * Default: false, they are still handled.
   */
  readonly discard?: boolean | undefined
}

/** The state of a group after a reset, with the fields of `stats`. */
export type StreamResetResult = Pick<StreamGroupStats, 'waiting' | 'exact' | 'running' | 'delayed'>

/** Manages a group of a stream. A group that a work queue does not declare can only be dropped. */
export interface StreamGroup {
  readonly name: string
  readonly deadLetters: DeadLetters
  /**
   * Stops the group in all processes, across restarts, until `resume`. Resolves with false when it was already paused. Running workers
   * get a pub/sub message; a worker that misses it notices within ten seconds, or half its lease. Those of this process know it once the
   * call resolves. Workers then start no entry and give back those that were not started. Running handlers continue.
   */
  pause(): Promise<boolean>
  /** Ends a pause, with the same messages as `pause`. Resolves with false when the group was not paused. */
  resume(): Promise<boolean>
  /**
   * Moves the position from which a group of an event log reads; creates the group if it does not exist. Its running, retrying and
   * delayed entries are still handled, and handled once more if they are after `to`, unless `discard` is set.
   *
   * @throws PENKNIFE_INVALID for a work queue, which has deleted the handled entries.
   */
  reset(options: StreamResetOptions): Promise<StreamResetResult>
  /**
   * Removes the entries of the group that wait: new, delayed and retrying ones, and those behind another entry of their key. Resolves with
   * how many. Entries that a worker has, dead letters and entries added meanwhile stay. Workers have some entries before they start them:
   * pause the group first, and nothing that has not started is handled any more. A call that failed half way can be repeated. A script
   * call for some 500 entries.
   */
  clear(): Promise<number>
  /**
   * Deletes the group with its retries, delayed entries and dead letters. Resolves with false when it did not exist. Entries that it
   * has not handled are lost: let its workers finish first. Entries that only this group needed are deleted: from a work queue at
   * once, from an event log by the next adds. A call that failed can be repeated. A worker that starts for the group later creates it
   * again.
   *
   * @throws PENKNIFE_IN_USE while a worker of the group is alive (it sent a command within 30 s). PENKNIFE_INVALID for a declared
   * group: take it out of `groups` first, in every process.
   */
  drop(): Promise<boolean>
}
