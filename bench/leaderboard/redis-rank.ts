import { Leaderboard } from 'redis-rank'

import { connection, SETUPS } from '../harness/connections.ts'
import { installed } from '../harness/versions.ts'
import { type Board, loadSortedSet, sumOfRows } from './board.ts'
import { KEY } from './raw.ts'

/** Set up as in its README: highest first, values added to the score. */
export const redisRank: readonly Board[] = SETUPS.map((setup) => ({
  name: installed('redis-rank'),
  setup,
  layout: 'sorted set',
  commands: ['zincrby', 'zrevrange', 'evalsha', 'eval'],
  async open(url) {
    const redis = await connection(url, setup)
    const board = new Leaderboard(redis, KEY, {
      sortPolicy: 'high-to-low',
      updatePolicy: 'aggregate',
    })
    return {
      load: (count) => loadSortedSet(redis, KEY, count),
      increment: async (member, by) => Number(await board.updateOne(member, by)),
      async incrementAndRank(member, by) {
        const [score, rank] = await Promise.all([board.updateOne(member, by), board.rank(member)])
        return rank === null ? Number.NaN : Number(score)
      },
      async rank(member) {
        const row = await board.find(member)
        return row ? row.rank + row.score : Number.NaN
      },
      top: async (count) => sumOfRows(await board.top(count)),
      around: async (member, each) => sumOfRows(await board.around(member, each)),
      async close() {
        redis.disconnect()
      },
    }
  },
}))
