// A worker whose handler waits for instructions in a Redis list. argv: Redis url, the list, space, stream, group,
// worker options as JSON.
import { connect, createStream, type WorkerOptions } from '@penknife/core'
import { Redis } from 'ioredis'
import { pattern } from '../../../scripts/redis/clients.ts'

const [url, words, space, name, group, options] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
  string,
]
const say = (value: unknown): void => console.log(JSON.stringify(value))
const ears = new Redis(url)
const penknife = connect(pattern(url))
const stream = createStream(penknife.space(space), name)

const worker = stream.worker(
  group,
  async ({ id, attempt, signal }) => {
    signal.addEventListener('abort', () => say({ aborted: id }))
    say({ started: id, attempt })
    const word = (await ears.blpop(words, 0))?.[1]
    if (word === 'die') process.kill(process.pid, 'SIGKILL')
    if (word === 'close') setImmediate(() => void close())
    if (word === 'close and fail') void close()
    if (word?.endsWith('fail')) throw new Error('as instructed')
  },
  { concurrency: 1, ...(JSON.parse(options) as WorkerOptions) },
)
worker.on((event) => {
  if ('attempt' in event && event.kind !== 'started') {
    say({ event: event.kind, id: event.id, attempt: event.attempt })
  }
})

async function close(): Promise<void> {
  await worker.close()
  await penknife.close()
  ears.disconnect()
  say({ closed: true })
}
