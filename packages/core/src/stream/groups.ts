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
   * The entry or time from which on the group is given every entry, also those it had: `'-'` is the oldest entry,
   * `'+'` means only what is added from now on.
   */
  readonly to: StreamBound
  /**
   * Drops what the group was given and has not finished, what waits to be tried again and what is delayed, whatever its
   * place: workers lose those leases. Default: false, all of it is still handled.
   */
  readonly discard?: boolean
}

/** A group after it was reset, as `stats` tells it. */
export type StreamResetResult = Pick<StreamGroupStats, 'waiting' | 'exact' | 'running' | 'delayed'>

/** A group of a stream, to manage it. Of a work queue's groups, one that it does not declare can only be dropped. */
export interface StreamGroup {
  readonly name: string
  readonly deadLetters: DeadLetters
  /**
   * Stops the group in all processes until it is resumed, across restarts; resolves with false when it was paused.
   * Running workers are told at once, by pub/sub, and then start nothing more: handlers that run go on, the rest is given
   * back. One that does not hear of it notices within ten seconds, or half its lease. A worker that starts is handed nothing.
   */
  pause(): Promise<boolean>
  /** Lets the group go on: workers are told as with `pause`. Resolves with false when it was not paused. */
  resume(): Promise<boolean>
  /**
   * Lets a group of an event log read on from another place; makes it if it is not there. What its workers have and
   * what waits to be tried again is still handled, and comes again if it lies behind `to`, unless it is discarded.
   *
   * @throws PENKNIFE_INVALID for a work queue, which has deleted what was handled.
   */
  reset(options: StreamResetOptions): Promise<StreamResetResult>
  /**
   * Drops the group with its retry path, delayed entries and dead letters; resolves with false when there was none. What it has
   * not handled is lost: let its workers finish first. What only
   * it held goes: from a work queue now, from an event log with the next adds. A call that failed half way can
   * be repeated. A worker that starts for it later makes it anew.
   *
   * @throws PENKNIFE_IN_USE while a worker gave a sign of life within 30 s, PENKNIFE_INVALID for a group that the
   * stream declares: take it out of `groups` first, in every process.
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
          `${title} is a work queue, which deletes what was handled; make it a log by 'retain'`,
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
        throw invalid('group', name, `${title} declares it: take it out of 'groups' first, in every process`)
      }
      const dead = keys.deadLetters(stream, name)
      const dropped = await drop(route, key, ready, delayed, dead, paused, name, SERVED_MS)
      if (typeof dropped === 'string') {
        throw new PenknifeError(
          'PENKNIFE_IN_USE',
          `group '${name}' of ${title} is served by ${dropped}: close its workers first`,
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
