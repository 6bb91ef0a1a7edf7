/** Requeues the dead letters of a group one page after the other, and prints a line at the start of each page. */
import { connect, createStream } from '@penknife/core'
import { pattern } from '../../../scripts/redis/clients.ts'

const [url = ''] = process.argv.slice(2)
const penknife = connect(pattern(url))
const { deadLetters } = createStream(penknife.space('shop'), 'orders', { groups: ['billing'] }).group(
  'billing',
)
let seen = 0
const where = (): boolean => {
  if (seen++ % 100 === 0) console.log(JSON.stringify(seen))
  return true
}
console.log(JSON.stringify({ requeued: await deadLetters.requeue({ where }) }))
await penknife.close()
