import { setTimeout as delay } from 'node:timers/promises'

import { durationMs } from '../duration.ts'
import { checkOptions } from '../options.ts'
import { badReply, readReply } from '../redis/failures.ts'
import type { Reply } from '../redis/script.ts'
import { streamOverview, streamStats } from '../redis/scripts.gen.ts'
import type { Scope } from './scope.ts'
import type { StreamConsumerStats, StreamGroupStats, StreamStats, StreamStatsOptions } from './stats-types.ts'

/** A group is served if one of its consumers sent a command within this time. A worker sends one every ten seconds. */
export const SERVED_MS = 30_000
/** The oldest sample from which rates are measured. */
const OLDEST_MS = 60_000

/** The state of a stream at one time. Rates are the difference of two samples. */
interface Sample extends Omit<StreamStats, 'addedPerSecond' | 'overMs' | 'groups'> {
  readonly atMs: number
  readonly groups: readonly Omit<StreamGroupStats, 'finishedPerSecond'>[]
  /** Entries ever added, read together with each group's numbers. */
  readonly added: readonly number[]
}

/** Costs two script calls a sample, the second with an item for each group; rates may need two samples. */
export function createStats(
  scope: Scope,
  sampled: (groups: readonly Omit<StreamGroupStats, 'finishedPerSecond'>[]) => void,
): (options?: StreamStatsOptions) => Promise<StreamStats> {
  const { keys, route, stream, key, groups: declared, bind } = scope
  const overview = bind(streamOverview, [])
  const statsOf = bind(streamStats, [])
  /** Earlier samples of this process, oldest first; at most one for each second of the last minute. */
  let samples: Sample[] = []

  async function takeSample(): Promise<Sample> {
    const [length, bytes, ...existing] = await overview(route, key)
    if (!existing.every((name) => typeof name === 'string'))
      throw badReply(streamOverview.name, 'a group has no name')
    const names = [...new Set([...declared, ...existing])]
    const atMs = performance.now()
    const replies = await Promise.all(
      // Without a group the stream's own numbers are still needed.
      (names.length > 0 ? names : ['-']).map((group) =>
        statsOf(
          route,
          key,
          keys.ready(stream, group),
          keys.delayed(stream, group),
          keys.deadLetters(stream, group),
          keys.paused(stream, group),
          keys.busyPlaces(stream, group),
          keys.queued(stream, group),
          keys.low(stream, group),
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

  function remember(now: Sample): void {
    samples = samples.filter(({ atMs }) => now.atMs - atMs <= OLDEST_MS)
    // At most one a second, which bounds their number.
    if (samples.length === 0 || now.atMs - (samples.at(-1) as Sample).atMs >= 1000) samples.push(now)
  }

  return async (options = {}) => {
    checkOptions('stats', options, ['over'])
    const overMs = durationMs('over', options.over ?? 1000, { min: 0, max: OLDEST_MS })
    let now = await takeSample()
    sampled(now.groups)
    let before: Sample | undefined
    if (overMs > 0) {
      before = samples.findLast(
        ({ atMs }) => now.atMs - atMs >= overMs && now.atMs - atMs <= overMs + OLDEST_MS,
      )
      if (!before) {
        before = now
        await delay(overMs)
        now = await takeSample()
      }
      remember(now)
    }
    return compare(now, before)
  }
}

function compare({ atMs, added, groups, ...now }: Sample, before: Sample | undefined): StreamStats {
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

/** Entries that a group has not finished. */
function openOf({
  waiting,
  running,
  delayed,
  queued,
  dead,
}: Omit<StreamGroupStats, 'finishedPerSecond'>): number {
  return waiting + running + delayed + queued + dead
}

function toGroup(name: string, reply: readonly Reply[]): Omit<StreamGroupStats, 'finishedPerSecond'> {
  const [, , undelivered, exact, again, pending, delayed, dead, paused, oldestAgeMs, queued] =
    reply as readonly number[]
  const consumers = new Map<string, StreamConsumerStats>()
  for (const [consumer, leased, idleMs] of reply.slice(11) as [string, number, number][]) {
    const other = consumers.get(consumer)
    consumers.set(consumer, {
      name: consumer,
      running: leased + (other?.running ?? 0),
      idleMs: Math.min(idleMs, other?.idleMs ?? idleMs),
    })
  }
  return {
    name,
    waiting: (undelivered ?? 0) + (again ?? 0),
    exact: exact === 1,
    running: pending ?? 0,
    delayed: delayed ?? 0,
    queued: queued ?? 0,
    dead: dead ?? 0,
    oldestAgeMs: oldestAgeMs ?? 0,
    paused: paused === 1,
    served: [...consumers.values()].some(({ idleMs }) => idleMs < SERVED_MS),
    consumers: [...consumers.values()],
  }
}
