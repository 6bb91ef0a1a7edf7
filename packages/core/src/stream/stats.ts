import { setTimeout as delay } from 'node:timers/promises'

import { type Duration, durationMs } from '../duration.ts'
import { checkOptions } from '../options.ts'
import { badReply, readReply } from '../redis/failures.ts'
import type { Reply } from '../redis/script.ts'
import { streamOverview, streamStats } from '../redis/scripts.gen.ts'
import type { Scope } from './scope.ts'

export interface StreamStatsOptions {
  /**
   * The time over which rates are taken: up to 1 min; 0 asks for none. When this process asked before, that long
   * ago or up to a minute longer, rates count from then; otherwise the call takes this long. Default: 1 s.
   */
  readonly over?: Duration
}

/** A stream as it stands. */
export interface StreamStats {
  /** Entries in the stream. */
  readonly length: number
  /**
   * Bytes of the stream in Redis' memory, as it estimates them; without retry paths and dead letters. Undefined where the server
   * has no MEMORY USAGE, or does not let penknife's user run it.
   */
  readonly bytes: number | undefined
  /** Entries added a second, by every process. */
  readonly addedPerSecond: number
  /** Over how many milliseconds rates were taken; 0 when none were asked for, and then they are 0. */
  readonly overMs: number
  /** Declared groups, and any other that the stream has. */
  readonly groups: readonly StreamGroupStats[]
}

export interface StreamGroupStats {
  readonly name: string
  /** Entries that no worker has: not delivered yet, or to be handled again now. */
  readonly undelivered: number
  /**
   * False when `undelivered` is an estimate: after the group was reset or an entry deleted by hand, Redis does not know it, and
   * it is counted only up to some hundred entries; beyond them it goes by the times in the ids.
   */
  readonly exact: boolean
  /** Entries under a worker's lease. */
  readonly pending: number
  /** Entries that wait for their time: after a failed attempt, or added with a delay. */
  readonly delayed: number
  readonly dead: number
  /**
   * Milliseconds since the oldest entry was added that is undelivered or pending, 0 when there is none. Of those to be
   * handled again it knows only the one that is so for longest; those that are delayed or dead do not count.
   */
  readonly oldestAgeMs: number
  /**
   * Entries a second that the group was done with: what was added, less what became open. Dead letters purged and
   * entries trimmed meanwhile count as done; it is an estimate when `undelivered` is.
   */
  readonly finishedPerSecond: number
  readonly paused: boolean
  /** Whether a worker gave a sign of life within the last 30 s. */
  readonly served: boolean
  readonly consumers: readonly StreamConsumerStats[]
}

/** A worker, as Redis knows it; one whose process died is forgotten after some minutes, once nothing is pending for it. */
export interface StreamConsumerStats {
  readonly name: string
  readonly pending: number
  /** Milliseconds since its last sign of life. */
  readonly idleMs: number
}

/** A group with a consumer that was heard of within this time is served. Workers are heard of every ten seconds. */
export const SERVED_MS = 30_000
/** The oldest look that rates count from. */
const OLDEST_MS = 60_000

/** One look at the stream, to compare with another. */
interface Look extends Omit<StreamStats, 'addedPerSecond' | 'overMs' | 'groups'> {
  readonly atMs: number
  readonly groups: readonly Omit<StreamGroupStats, 'finishedPerSecond'>[]
  /** Entries ever added, at the time of each group's numbers. */
  readonly added: readonly number[]
}

/** Costs two script calls a look, the second with an item a group; rates may need two looks. */
export function createStats(
  scope: Scope,
  saw: (groups: readonly Omit<StreamGroupStats, 'finishedPerSecond'>[]) => void,
): (options?: StreamStatsOptions) => Promise<StreamStats> {
  const { keys, route, stream, key, groups: declared, bind } = scope
  const overview = bind(streamOverview, [])
  const statsOf = bind(streamStats, [])
  /** The oldest look of this process that is young enough, first; never more than a few. */
  let looks: Look[] = []

  async function look(): Promise<Look> {
    const [length, bytes, ...there] = await overview(route, key)
    if (!there.every((name) => typeof name === 'string'))
      throw badReply(streamOverview.name, 'a group has no name')
    const names = [...new Set([...declared, ...there])]
    const atMs = performance.now()
    const replies = await Promise.all(
      // Without a group the stream's own numbers are wanted all the same.
      (names.length > 0 ? names : ['-']).map((group) =>
        statsOf(
          route,
          key,
          keys.ready(stream, group),
          keys.later(stream, group),
          keys.deadLetters(stream, group),
          keys.paused(stream, group),
          group,
        ),
      ),
    )
    return {
      atMs,
      length: length as number,
      bytes: bytes === -1 ? undefined : (bytes as number),
      added: replies.map((reply) => reply[1] as number),
      groups: readReply('stream/stats', () =>
        names.map((name, at) => toGroup(name, replies[at] as readonly Reply[])),
      ),
    }
  }

  function remember(now: Look): void {
    looks = looks.filter(({ atMs }) => now.atMs - atMs <= OLDEST_MS)
    // A new one only every second, so that a minute of them is few.
    if (looks.length === 0 || now.atMs - (looks.at(-1) as Look).atMs >= 1000) looks.push(now)
  }

  return async (options = {}) => {
    checkOptions('stats', options, ['over'])
    const overMs = durationMs('over', options.over ?? 1000, { min: 0, max: OLDEST_MS })
    let now = await look()
    saw(now.groups)
    let before: Look | undefined
    if (overMs > 0) {
      before = looks.findLast(
        ({ atMs }) => now.atMs - atMs >= overMs && now.atMs - atMs <= overMs + OLDEST_MS,
      )
      if (!before) {
        before = now
        await delay(overMs)
        now = await look()
      }
      remember(now)
    }
    return compare(now, before)
  }
}

function compare({ atMs, added, groups, ...now }: Look, before: Look | undefined): StreamStats {
  const overMs = before ? Math.max(1, atMs - before.atMs) : 0
  const rate = (count: number): number => (before ? (Math.max(0, count) * 1000) / overMs : 0)
  const addedSince = (at: number, earlier: number): number => (added[at] ?? 0) - (before?.added[earlier] ?? 0)
  return {
    ...now,
    overMs,
    addedPerSecond: rate(addedSince(0, 0)),
    groups: groups.map((group, at) => {
      const earlier = before?.groups.findIndex(({ name }) => name === group.name) ?? -1
      const then = before?.groups[earlier]
      const opened = then ? openOf(group) - openOf(then) : 0
      return { ...group, finishedPerSecond: then ? rate(addedSince(at, earlier) - opened) : 0 }
    }),
  }
}

/** What a group is not done with. */
function openOf({
  undelivered,
  pending,
  delayed,
  dead,
}: Omit<StreamGroupStats, 'finishedPerSecond'>): number {
  return undelivered + pending + delayed + dead
}

function toGroup(name: string, reply: readonly Reply[]): Omit<StreamGroupStats, 'finishedPerSecond'> {
  const [, , undelivered, exact, again, pending, delayed, dead, paused, oldestAgeMs] =
    reply as readonly number[]
  const consumers = new Map<string, StreamConsumerStats>()
  for (const [consumer, held, idleMs] of reply.slice(10) as [string, number, number][]) {
    const other = consumers.get(consumer)
    consumers.set(consumer, {
      name: consumer,
      pending: held + (other?.pending ?? 0),
      idleMs: Math.min(idleMs, other?.idleMs ?? idleMs),
    })
  }
  return {
    name,
    undelivered: (undelivered ?? 0) + (again ?? 0),
    exact: exact === 1,
    pending: pending ?? 0,
    delayed: delayed ?? 0,
    dead: dead ?? 0,
    oldestAgeMs: oldestAgeMs ?? 0,
    paused: paused === 1,
    served: [...consumers.values()].some(({ idleMs }) => idleMs < SERVED_MS),
    consumers: [...consumers.values()],
  }
}
