// A worker whose handler keeps the event loop busy. Says each start and each event.
// argv: Redis url, milliseconds that an entry keeps it busy, worker options as JSON.
import { connect, createStream, type WorkerOptions } from '@penknife/core'
import { pattern } from '../../../scripts/redis/clients.ts'

const [url, ms, options] = process.argv.slice(2) as [string, string, string]
const say = (value: unknown): void => console.log(JSON.stringify(value))
const penknife = connect(pattern(url))
const stream = createStream(penknife.space('shop'), 'orders', { groups: ['billing'] })

const clock = new Int32Array(new SharedArrayBuffer(4))

/** Keeps the event loop busy without CPU, which other tests need. */
function compute(): void {
  Atomics.wait(clock, 0, 0, Number(ms))
}

const worker = stream.worker(
  'billing',
  async ({ id, attempt }) => {
    say({ started: id, attempt })
    compute()
  },
  JSON.parse(options) as WorkerOptions,
)
worker.on((event) => {
  if ('attempt' in event && event.kind !== 'started') {
    say({ event: event.kind, id: event.id, attempt: event.attempt })
  }
})
