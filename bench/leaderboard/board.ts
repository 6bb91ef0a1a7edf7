import { Redis } from 'ioredis'

import type { Contender } from '../harness/bench.ts'
import type { Library } from '../harness/library.ts'
import { memberOf, scoreOf } from './workload.ts'

/** A leaderboard library, or plain commands, reduced to the calls that are measured. */
export interface Board {
  readonly name: string
  readonly setup: string
  readonly commands: Contender['commands']
  /** Boards whose keys are the same bytes share what was loaded. */
  readonly layout: string
  /** `build` is the build of penknife to measure; the others have no use for it. */
  open(url: string, build: Library): Promise<OpenBoard>
}

export interface OpenBoard {
  /** Puts members 0 to `count` on the board, with their scores. */
  load(count: number): Promise<void>
  /** Resolves with the new score. */
  increment(member: string, by: number): Promise<number>
  /** Resolves with the new score once the rank is known too, which others may have changed since; not a number without one. */
  incrementAndRank(member: string, by: number): Promise<number>
  /** Resolves with the score and the rank, added up. */
  rank(member: string): Promise<number>
  /** Resolves with all the scores and ranks, added up. */
  top(count: number): Promise<number>
  around(member: string, each: number): Promise<number>
  close(): Promise<void>
}

interface Row {
  readonly score: number
  readonly rank: number
}

export function sumOfRows(rows: readonly Row[]): number {
  let sum = 0
  for (const { score, rank } of rows) sum += score + rank
  return sum
}

/** Loads a plain sorted set. */
export async function loadSortedSet(redis: Redis, key: string, count: number): Promise<void> {
  for (let from = 0; from < count; from += 1000) {
    const pairs: (string | number)[] = []
    for (let at = from; at < Math.min(from + 1000, count); at++) pairs.push(scoreOf(at), memberOf(at))
    await redis.zadd(key, ...pairs)
  }
}

/** Calls `make` for each number below `count`, some thousand at a time. */
export async function eachOf(count: number, make: (at: number) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < count; from += 5000) {
    const calls: Promise<unknown>[] = []
    for (let at = from; at < Math.min(from + 5000, count); at++) calls.push(make(at))
    await Promise.all(calls)
  }
}

/** Every key of a Redis, as it was loaded: put back before each turn, in a second. */
export interface Snapshot {
  restore(): Promise<void>
}

const snapshots = new Map<string, Snapshot>()

/** Loads a layout by its own calls the first time, and from then on puts back the bytes. */
export async function loaded(url: string, layout: string, load: () => Promise<void>): Promise<void> {
  const known = snapshots.get(layout)
  if (known) return known.restore()
  await load()
  snapshots.set(layout, await takeSnapshot(url))
}

async function takeSnapshot(url: string): Promise<Snapshot> {
  const redis = new Redis(url)
  const keys = await redis.keys('*')
  const dumps = await Promise.all(
    keys.map(async (key) => ({
      key,
      ttl: Math.max(0, await redis.pttl(key)),
      dump: await redis.dumpBuffer(key),
    })),
  )
  redis.disconnect()
  return {
    async restore() {
      const target = new Redis(url)
      for (const { key, ttl, dump } of dumps) await target.restore(key, ttl, dump, 'REPLACE')
      target.disconnect()
    },
  }
}
