// A worker that a payload of -1 kills at once, while others are under way. Says each start, each event, and when its group is done.
// argv: Redis url, worker options as JSON.
import { setTimeout as delay } from 'node:timers/promises'

import { connect, createStream, type WorkerOptions } from '@penknife/core'
import { pattern } from '../../../scripts/redis/clients.ts'

const [url, options] = process.argv.slice(2) as [string, string]
const say = (value: unknown): void => console.log(JSON.stringify(value))
const stream = createStream<number>(connect(pattern(url)).space('shop'), 'orders', {
  groups: ['billing'],
})
const worker = stream.worker(
  'billing',
  async ({ payload, attempt, fence }) => {
    process.stdout.write(`${JSON.stringify({ started: payload, attempt, fence })}\n`, () => {
      if (payload === -1) process.kill(process.pid, 'SIGKILL')
    })
    await delay(payload === -1 ? 60_000 : 100)
  },
  JSON.parse(options) as WorkerOptions,
)
worker.on((event) => {
  if (event.kind === 'done' || event.kind === 'dead') {
    say({ event: event.kind, id: event.id, attempt: event.attempt })
  }
})
