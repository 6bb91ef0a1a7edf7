// A worker of examples/threads. Says each start and each event, and echoes its input. SIGTERM closes it.
// argv: Redis url, worker options as JSON.
import { connect, createStream, type WorkerOptions } from '@penknife/core'

import { type Range, startCounting } from '../../../examples/threads/worker.ts'
import { pattern } from '../../../scripts/redis/clients.ts'

const [url, options] = process.argv.slice(2) as [string, string]
const say = (value: unknown): void => console.log(JSON.stringify(value))
const penknife = connect(pattern(url))
const numbers = createStream<Range>(penknife.space('shop'), 'numbers', { groups: ['count'] })
const { worker, close } = startCounting(numbers, JSON.parse(options) as WorkerOptions<Range>)

worker.on((event) => {
  if ('attempt' in event) say({ event: event.kind, id: event.id, attempt: event.attempt })
})
process.stdin.setEncoding('utf8').on('data', (echo: string) => say({ echo }))
process.once('SIGTERM', () => {
  close({ deadline: 0 })
    .then(() => penknife.close())
    .then(
      () => process.exit(),
      () => process.exit(1),
    )
})
