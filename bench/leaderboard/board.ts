import { Redis } from 'ioredis'

import type { Contender } from '../harness/bench.ts'
import type { Library } from '../harness/library.ts'
import { FACTOR, memberOf, primeAbove, scoreOf } from './workload.ts'

/** A leaderboard library, or plain commands, with only the measured calls. */
export interface Board {
  readonly name: string
  readonly setup: string
  readonly commands: Contender['commands']
  /** Boards with the same bytes in Redis share the loaded data. */
  readonly layout: string
  /** `build` is the build of penknife to measure. Others ignore it. */
  open(url: string, build: Library): Promise<OpenBoard>
}

export interface OpenBoard {
  /** Adds members 0 to `count` to the board, with their scores. */
  load(count: number): Promise<void>
  /** Resolves with the new score. */
  increment(member: string, by: number): Promise<number>
  /**
   * Resolves with the new score when the rank is known too. Other calls may have changed the rank since. NaN without
   * a rank.
   */
  incrementAndRank(member: string, by: number): Promise<number>
  /** Resolves with the sum of score and rank. */
  rank(member: string): Promise<number>
  /** Resolves with the sum of all scores and ranks. */
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

/** Members and scores of a part of a board, made in Redis, because sending millions of them takes longer. */
const GROWING = `#!lua
local from, to, factor, prime, sign = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5]
local pairs = {}
for at = from, to - 1 do
  pairs[#pairs + 1] = string.format('%d', sign * ((at * factor) % prime))
  pairs[#pairs + 1] = string.format('player-%d', at)
end
redis.call('ZADD', KEYS[1], unpack(pairs))`

/** Adds members 0 to `count` to a sorted set, with their scores times `sign`. */
export async function growSortedSet(redis: Redis, key: string, count: number, sign: 1 | -1): Promise<void> {
  const numbers = [FACTOR, primeAbove(count), sign]
  for (let from = 0; from < count; from += 100_000) {
    const calls: Promise<unknown>[] = []
    for (let at = from; at < Math.min(from + 100_000, count); at += 1000)
      calls.push(redis.eval(GROWING, 1, key, at, Math.min(at + 1000, count), ...numbers))
    await Promise.all(calls)
  }
}

/** Calls `make` for each number below `count`, a few thousand at a time. */
export async function eachOf(count: number, make: (at: number) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < count; from += 5000) {
    const calls: Promise<unknown>[] = []
    for (let at = from; at < Math.min(from + 5000, count); at++) calls.push(make(at))
    await Promise.all(calls)
  }
}

/** Every loaded key of a Redis. Restored before each run, which takes a second. */
export interface Snapshot {
  restore(): Promise<void>
}

const snapshots = new Map<string, Snapshot>()

/** Loads a layout with its own calls the first time. Later it restores the bytes. */
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
