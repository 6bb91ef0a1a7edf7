import { invalid, PenknifeError } from '../errors.ts'
import { checkName, checkOptions } from '../options.ts'
import { badReply } from '../redis/failures.ts'
import { streamDrop, streamPause, streamReset, streamSweep } from '../redis/scripts.gen.ts'
import { createDeadLetters, type DeadLetters } from './dead-letters.ts'
import { before, type StreamBound, toBound } from './ids.ts'
import type { Scope } from './scope.ts'
import { type StreamGroupStats, SERVED_MS } from './stats.ts'

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
  readonly discard?: boolean
}

/** The state of a group after a reset, with the fields of `stats`. */
export type StreamResetResult = Pick<StreamGroupStats, 'waiting' | 'exact' | 'running' | 'delayed'>

/** Manages a group of a stream. A group that a work queue does not declare can only be dropped. */
export interface StreamGroup {
  readonly name: string
  readonly deadLetters: DeadLetters
  /**
   * Stops the group in all processes, across restarts, until `resume`. Resolves with false when it was already paused. Running workers
   * get a pub/sub message; a worker that misses it notices within ten seconds, or half its lease. Workers then start no entry and give
   * back those that were not started. Running handlers continue.
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

export function createGroup(scope: Scope, name: string): StreamGroup {
  const { keys, route, stream, key, groups, declared, title, bind, checkGroup } = scope
  checkName('group', name)
  const ready = keys.ready(stream, name)
  const delayed = keys.delayed(stream, name)
  const paused = keys.paused(stream, name)
  const pause = bind(streamPause, [])
  const reset = bind(streamReset, [])
  const drop = bind(streamDrop, [])
  const sweep = bind(streamSweep, [declared])

  const deadLetters = createDeadLetters(scope, name)

  async function setPaused(on: number): Promise<boolean> {
    checkGroup(name)
    return (await pause(route, paused, on, keys.pausing(stream, name))) === 1
  }

  return {
    name,
    get deadLetters() {
      checkGroup(name)
      return deadLetters
    },
    pause: () => setPaused(1),
    resume: () => setPaused(0),
    async reset(options) {
      checkOptions('reset', options, ['to', 'discard'])
      const { to, discard = false } = options
      if (declared !== '-') {
        throw invalid(
          'group',
          name,
          `${title} is a work queue, which deletes handled entries; give 'retain' to make it an event log`,
        )
      }
      if (typeof discard !== 'boolean') throw invalid('discard', discard, 'give true or false')
      const place = toBound('to', to)
      const after = place === '+' ? '$' : before(place)
      const reply = await reset(route, key, ready, delayed, name, after, discard ? 1 : 0)
      const [undelivered = 0, exact, again = 0, pending = 0, later = 0] = reply as readonly number[]
      return { waiting: undelivered + again, exact: exact === 1, running: pending, delayed: later }
    },
    async drop() {
      if (groups.includes(name)) {
        throw invalid('group', name, `${title} declares it; take it out of 'groups' first, in every process`)
      }
      const dead = keys.deadLetters(stream, name)
      const dropped = await drop(route, key, ready, delayed, dead, paused, name, SERVED_MS)
      if (typeof dropped === 'string') {
        throw new PenknifeError(
          'PENKNIFE_IN_USE',
          `worker ${dropped} serves group '${name}' of ${title}; close its workers first, and wait 30 s if their processes died`,
        )
      }
      if (declared !== '-') {
        for (let at: string | null = '-'; at !== null;) {
          const next: string | null = await sweep(route, key, at)
          if (next === at) throw badReply(`drop of group '${name}' of ${title}`, 'no progress')
          at = next
        }
      }
      return dropped === 1
    },
  }
}
