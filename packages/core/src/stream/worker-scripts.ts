import {
  streamLeave,
  streamLook,
  streamOpen,
  streamReap,
  streamRenew,
  streamSettle,
} from '../redis/scripts.gen.ts'
import type { Checked } from './maintenance.ts'
import type { Scope } from './scope.ts'
import type { WorkerSettings } from './settings.ts'
import { SOURCES } from './sources.ts'

/** The scripts of a worker, bound to its keys. */
export interface WorkerScripts {
  /** The keys of `SOURCES`. */
  readonly sourceKeys: readonly string[]
  /** Makes the group if it is not there; whether it is paused. */
  open(from: string): Promise<boolean>
  settle(number: number, finished: string, moves: string): Promise<string>
  renew(source: number, positions: string, started: boolean): Promise<string>
  check(fromStream: string, fromReady: string): Promise<Checked>
  /** Forgets consumers that were silent for so long and have nothing pending. */
  forgetConsumers(silentMs: number): Promise<unknown>
  /** Gives back what the worker was given and did not see, and forgets the worker; resolves with 0 when that is done. */
  leave(): Promise<number>
  /** As `leave`, with a short deadline. */
  leaveSoon(): Promise<number>
  /** Ends the waiting for Redis of all these calls after that time. */
  endWaiting(ms: number): void
}

/** How long a worker without entries that is being closed waits for each answer of Redis. */
export const CLOSING_MS = 500

export function bindWorkerScripts(
  { runtime, keys, route, declared, title, key: stream, stream: name }: Scope,
  group: string,
  consumer: string,
  { leaseMs, maxAttempts }: Pick<WorkerSettings, 'leaseMs' | 'maxAttempts'>,
): WorkerScripts {
  const patience = runtime.createPatience()
  const bind: Scope['bind'] = (script, shared) =>
    runtime.bind(script, shared, undefined, title, undefined, patience)
  const sourceKeys = SOURCES.map(({ keyOf }) => keyOf(keys, name, group))
  const ready = keys.ready(name, group)
  const later = keys.later(name, group)
  const dead = keys.deadLetters(name, group)
  const paused = keys.paused(name, group)
  const mark = keys.mark(name, consumer)
  const open = bind(streamOpen, [])
  const settle = bind(streamSettle, [group, consumer, declared])
  const renew = bind(streamRenew, [group, consumer])
  const look = bind(streamLook, [group, consumer, declared, leaseMs, maxAttempts])
  const reap = bind(streamReap, [])
  const leave = bind(streamLeave, [group, consumer, declared])
  const leaveSoon = runtime.bind(
    streamLeave,
    [group, consumer, declared],
    CLOSING_MS,
    title,
    undefined,
    patience,
  )
  return {
    sourceKeys,
    open: async (from) => (await open(route, stream, ready, paused, group, from)) === 1,
    settle: (number, finished, moves) =>
      settle(route, stream, ready, later, dead, mark, number, finished, moves),
    renew: (source, positions, started) =>
      renew(route, sourceKeys[source] as string, positions, started ? 1 : 0),
    check: (fromStream, fromReady) =>
      look(route, stream, ready, later, dead, paused, fromStream, fromReady) as Promise<Checked>,
    forgetConsumers: (silentMs) => reap(route, stream, ready, group, silentMs),
    leave: () => leave(route, stream, ready, later, mark),
    leaveSoon: () => leaveSoon(route, stream, ready, later, mark),
    endWaiting: (ms) => patience.end(ms),
  }
}
