// Ends a season of a board and gives its rewards. At one moment it prints 'now', to be killed there: 'before', 'between' the two
// calls it then waits, and 'after' them it then waits, 'sent' is while endSeason is in flight, 'giving' while rewards are given. argv: the server's URL; the board's
// name; the moment.
import { writeSync } from 'node:fs'

import { connect, createLeaderboard, createStream } from '@penknife/core'
import { pattern } from '../../../scripts/redis/clients.ts'

const [url = '', name = '', moment = ''] = process.argv.slice(2)
const shop = connect(pattern(url), { deadline: '30s' }).space('shop')
const board = createLeaderboard(shop, name)
const prizes = createStream(shop, `${name}-prizes`, { groups: ['g'] })
// At once, also when the event loop does not go on.
const at = (reached: string): boolean => reached === moment && writeSync(1, 'now\n') > 0
const waits = (reached: string): unknown => at(reached) && new Promise(() => setInterval(() => {}, 1000))

await board.sum()
await waits('before')
const ending = board.endSeason('s1')
setImmediate(() => at('sent'))
await ending
await waits('between')
await board.season('s1').reward({
  bands: [{ to: 200 }],
  give(row) {
    if (row.rank === 90) at('giving')
    return prizes.adding({ member: row.member, rank: row.rank })
  },
})
await waits('after')
