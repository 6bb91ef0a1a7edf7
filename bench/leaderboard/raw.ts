import type { Redis } from 'ioredis'

import { connection, SETUPS } from '../harness/connections.ts'
import { type Board, loadSortedSet } from './board.ts'

/** Bare ioredis on one sorted set. */
export const raw: readonly Board[] = SETUPS.map((setup) => ({
  name: 'raw ioredis',
  setup,
  layout: 'sorted set',
  commands: ['zincrby', 'zrevrank', 'zscore', 'zrevrange', 'multi', 'exec'],
  async open(url) {
    const redis = await connection(url, setup)
    return {
      load: (count) => loadSortedSet(redis, KEY, count),
      increment: async (member, by) => Number(await redis.zincrby(KEY, by, member)),
      async incrementAndRank(member, by) {
        const [score, rank] = await Promise.all([redis.zincrby(KEY, by, member), redis.zrevrank(KEY, member)])
        return rank === null ? Number.NaN : Number(score)
      },
      async rank(member) {
        const [rank, score] = await Promise.all([redis.zrevrank(KEY, member), redis.zscore(KEY, member)])
        return (rank as number) + 1 + Number(score)
      },
      top: async (count) => sumOfFlat(await redis.zrevrange(KEY, 0, count - 1, 'WITHSCORES'), 1),
      around: (member, each) => around(redis, member, each),
      async close() {
        redis.disconnect()
      },
    }
  },
}))

export const KEY = 'board'

/** Two round trips, which bare commands need. */
async function around(redis: Redis, member: string, each: number): Promise<number> {
  const rank = (await redis.zrevrank(KEY, member)) as number
  const from = Math.max(0, rank - each)
  return sumOfFlat(await redis.zrevrange(KEY, from, rank + each, 'WITHSCORES'), from + 1)
}

function sumOfFlat(flat: readonly string[], first: number): number {
  let sum = 0
  for (let at = 0; at < flat.length; at += 2) sum += Number(flat[at + 1]) + first + at / 2
  return sum
}
