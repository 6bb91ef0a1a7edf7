// A batch worker with default options. Says how many entries it handled, after each call.
// argv: Redis url.
import { connect, createStream } from '@penknife/core'
import { pattern } from '../../../scripts/redis/clients.ts'

const penknife = connect(pattern(process.argv[2] as string))
const stream = createStream<string>(penknife.space('shop'), 'orders', { groups: ['billing'] })
let handled = 0
stream.batchWorker('billing', (deliveries) => {
  handled += deliveries.filter(({ payload }) => payload.length === 900_000).length
  console.log(JSON.stringify({ handled }))
})
