// Uses a board as another version of an application declares it, and prints the code, fate and message of its error.
// argv: the server's URL; the board's options as JSON.
import { connect, createLeaderboard, type LeaderboardOptions, PenknifeError } from '@penknife/core'
import { pattern } from '../../../scripts/redis/clients.ts'

const [url = '', options = '{}'] = process.argv.slice(2)
const penknife = connect(pattern(url), { deadline: '30s' })
const board = createLeaderboard(penknife.space('shop'), 'points', JSON.parse(options) as LeaderboardOptions)
try {
  console.log('done', await board.increment('ann', 1))
} catch (error) {
  if (!(error instanceof PenknifeError)) throw error
  console.log(error.code, error.fate, error.message)
}
await penknife.close()
