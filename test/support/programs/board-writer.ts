// Increments members of a board under ids and undoes some, 16 calls at a time, until it is killed; says of each call when
// it is made and when it was answered, and 'enough' after some hundred.
// argv: the server's URL; the board's options as JSON; a name for its ids.
import { createLeaderboard, connect, type LeaderboardOptions } from '@penknife/core'
import { Redis } from 'ioredis'

const [url = '', options = '{}', name = ''] = process.argv.slice(2)
// Written at once: a pipe is synchronous, so a kill takes nothing back.
const say = (value: unknown): void => console.log(JSON.stringify(value))
const penknife = connect(new Redis(url, { lazyConnect: true }), { deadline: '30s' })
const board = createLeaderboard(penknife.space('shop'), 'points', JSON.parse(options) as LeaderboardOptions)

let made = 0
let answered = 0
async function write(): Promise<never> {
  for (;;) {
    const nth = made++
    const id = `${name}-${nth}`
    say({ made: id, member: `m${nth % 7}`, by: 1 + (nth % 9) })
    await board.increment(`m${nth % 7}`, 1 + (nth % 9), { id })
    say({ answered: id })
    if (nth % 4 === 0) {
      say({ undoing: id })
      await board.undo(id)
      say({ undone: id })
    }
    if (++answered === 400) say('enough')
  }
}
await Promise.all(Array.from({ length: 16 }, write))
