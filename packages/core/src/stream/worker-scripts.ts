import {
  streamCheckPlaces,
  streamAnnounce,
  streamFetch,
  streamForgetConsumers,
  streamHold,
  streamLeave,
  streamMaintain,
  streamOpen,
  streamProgress,
  streamPromote,
  streamRenew,
  streamSettle,
  streamWrite,
} from '../redis/scripts.gen.ts'
import type { LeasedEntry } from './leased-entry.ts'
import type { Checked } from './maintenance.ts'
import { fenceText, written } from './output.ts'
import type { Scope } from './scope.ts'
import type { WorkerSettings } from './settings.ts'
import { SOURCES } from './sources.ts'

/** The scripts of a worker, bound to its keys. */
export interface WorkerScripts {
  /** The keys of `SOURCES`. */
  readonly sourceKeys: readonly string[]
  /** Creates the group if it does not exist; resolves with whether it is paused. */
  open(from: string): Promise<boolean>
  /** lua/stream/fetch.lua, which reads the last of the sources first. */
  fetch(count: number, from: string): Promise<unknown>
  settle(number: number, finished: string, moves: string): Promise<string>
  renew(source: number, positions: string, places: string, started: boolean): Promise<string>
  check(fromStream: string, fromReady: string): Promise<Checked>
  /** lua/stream/promote.lua. */
  promote(count: number, always: boolean): Promise<readonly [moved: number, left: number]>
  /** A step of lua/stream/check_places.lua. */
  checkPlaces(
    cursor: string,
    after: string,
  ): Promise<readonly [cursor: string, after: string, repaired: number]>
  /** lua/stream/progress.lua, for an entry whose outcome is kept: resolves with whether it was stored. */
  progress(entry: LeasedEntry, json: string): Promise<boolean>
  /** lua/stream/write.lua, for an entry whose outcome is kept: appends to its output, and resolves with whether the worker has it. */
  write(entry: LeasedEntry, keepMs: number, text: string): Promise<boolean>
  /** Pauses the group for that time. */
  hold(ms: number): Promise<unknown>
  /** Publishes a JSON list of events. */
  announce(events: string): Promise<unknown>
  /** Deletes consumers that sent nothing for that long and have no pending entries. */
  forgetConsumers(silentMs: number): Promise<unknown>
  /**
   * Gives back entries that are pending for the worker and that it does not know, and deletes its consumer. Resolves with how many
   * it gave back: call it again until that is 0.
   */
  leave(): Promise<number>
  /** As `leave`, with a short deadline. */
  leaveSoon(): Promise<number>
  /** Lets all these calls wait for Redis no longer than that. */
  endWaiting(ms: number): void
}

/** How long a worker that closes without entries waits for each reply of Redis. */
export const CLOSING_MS = 500

export function bindWorkerScripts(
  {
    runtime,
    keys,
    route,
    declared,
    title,
    key: stream,
    stream: name,
    order,
    placesOf,
    heldOf,
    heldWithLowOf,
    keepDead,
  }: Scope,
  group: string,
  consumer: string,
  { leaseMs, maxAttempts }: Pick<WorkerSettings, 'leaseMs' | 'maxAttempts'>,
): WorkerScripts {
  const waitLimit = runtime.createWaitLimit()
  const bind: Scope['bind'] = (script, shared) =>
    runtime.bind(script, shared, undefined, title, undefined, waitLimit)
  const sourceKeys = SOURCES.map(({ keyOf }) => keyOf(keys, name, group))
  const ready = keys.ready(name, group)
  const delayed = keys.delayed(name, group)
  const low = keys.low(name, group)
  const dead = keys.deadLetters(name, group)
  const paused = keys.paused(name, group)
  const watched = keys.watched(name)
  const settled = keys.settled(name, consumer)
  const open = bind(streamOpen, [])
  const fetch = bind(streamFetch, [sourceKeys.toReversed(), group, consumer])
  const held = heldOf(group)
  const outcomes = keys.outcomes(name, group)
  const most = order?.places ?? 0
  const stops = order?.stops ? 1 : 0
  const settle = bind(streamSettle, [held, most, stops, keepDead, outcomes, group, consumer, declared])
  const checkPlaces = bind(streamCheckPlaces, [placesOf(group), most, group])
  const renew = bind(streamRenew, [placesOf(group), group, consumer])
  const maintain = bind(streamMaintain, [
    heldWithLowOf(group),
    most,
    stops,
    keepDead,
    outcomes,
    group,
    consumer,
    declared,
    leaseMs,
    maxAttempts,
    keys.pausing(name, group),
  ])
  const progress = bind(streamProgress, [held.slice(2), group, consumer, outcomes])
  const promote = bind(streamPromote, [group])
  const write = bind(streamWrite, [group, consumer, outcomes])
  const announce = bind(streamAnnounce, [])
  const hold = bind(streamHold, [])
  const forget = bind(streamForgetConsumers, [])
  const leave = bind(streamLeave, [placesOf(group), group, consumer, declared])
  const leaveSoon = runtime.bind(
    streamLeave,
    [placesOf(group), group, consumer, declared],
    CLOSING_MS,
    title,
    undefined,
    waitLimit,
  )
  return {
    sourceKeys,
    open: async (from) => (await open(route, stream, ready, paused, group, from)) === 1,
    fetch: (count, from) => fetch(route, count, from),
    settle: (number, finished, moves) =>
      settle(route, stream, ready, delayed, dead, settled, number, finished, moves),
    renew: (source, positions, places, started) =>
      renew(route, sourceKeys[source] as string, positions, places, started ? 1 : 0),
    check: (fromStream, fromReady) =>
      maintain(
        route,
        stream,
        ready,
        delayed,
        dead,
        paused,
        watched,
        fromStream,
        fromReady,
      ) as Promise<Checked>,
    promote: async (count, always) =>
      (await promote(route, stream, ready, low, count, always ? 1 : 0)) as [number, number],
    checkPlaces: async (cursor, after) =>
      (await checkPlaces(route, stream, ready, delayed, dead, cursor, after)) as [string, string, number],
    progress: async ({ source, position, id, own }, json) =>
      (await progress(route, sourceKeys[source] as string, position, id, own?.keepMs ?? 0, json)) === 1,
    write: async ({ source, position, id, fence }, keepMs, text) => {
      const output = keys.output(name, group, id)
      return written(
        await write(
          route,
          sourceKeys[source] as string,
          output,
          position,
          id,
          fenceText(fence),
          keepMs,
          text,
        ),
        id,
      )
    },
    announce: (events) => announce(route, keys.watching(name), events),
    hold: (ms) => hold(route, paused, ms, keys.pausing(name, group)),
    forgetConsumers: (silentMs) => forget(route, stream, ready, group, silentMs),
    leave: () => leave(route, stream, ready, delayed, settled, most),
    leaveSoon: () => leaveSoon(route, stream, ready, delayed, settled, most),
    endWaiting: (ms) => waitLimit.end(ms),
  }
}
