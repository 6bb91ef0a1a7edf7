import { connect, createLeaderboard } from '@penknife/core'
import { Redis } from 'ioredis'

import { type Board, eachOf, sumOfRows } from './board.ts'
import { memberOf, scoreOf } from './workload.ts'

/** Highest first, equals by member: the default. */
export const ours: Board = {
  name: 'penknife',
  setup: 'default',
  layout: 'penknife',
  commands: ['evalsha', 'eval'],
  async open(url) {
    // Only the pattern for penknife's own connection.
    const penknife = connect(new Redis(url, { lazyConnect: true }), { deadline: '30s' })
    const board = createLeaderboard(penknife.space('bench'), 'points')
    return {
      load: (count) => eachOf(count, (at) => board.increment(memberOf(at), scoreOf(at))),
      increment: (member, by) => board.increment(member, by),
      async incrementAndRank(member, by) {
        const [, row] = await Promise.all([board.increment(member, by), board.rank(member)])
        return row ? row.rank + row.score : Number.NaN
      },
      async rank(member) {
        const row = await board.rank(member)
        return row ? row.rank + row.score : Number.NaN
      },
      top: async (count) => sumOfRows(await board.top(count)),
      around: async (member, each) => sumOfRows((await board.around(member, each)) ?? []),
      close: () => penknife.close(),
    }
  },
}
