// Increments members of a board with ids and undoes some, 16 calls at a time, until it is killed. Writes a line of
// JSON to a file before and after each call, and prints 'enough' after some hundred. argv: the server's URL; the
// board's options as JSON; a name for its ids; the file.
import { openSync, writeSync } from 'node:fs'

import { createLeaderboard, connect, type LeaderboardOptions } from '@penknife/core'
import { pattern } from '../../../scripts/redis/clients.ts'

const [url = '', options = '{}', name = '', file = ''] = process.argv.slice(2)
// In a file, which has a line once it is written. A pipe that its reader is slow to empty takes no more: the lines wait
// in this process then, and the kill takes them along.
const lines = openSync(file, 'a')
const say = (value: unknown): void => void writeSync(lines, `${JSON.stringify(value)}\n`)
const penknife = connect(pattern(url), { deadline: '30s' })
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
    if (++answered === 400) console.log('enough')
  }
}
await Promise.all(Array.from({ length: 16 }, write))
