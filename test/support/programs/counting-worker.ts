// A worker that counts in Redis how often each entry was handled, until it is killed.
// argv: Redis url, space, stream, group, worker options as JSON.
import { connect, createStream, type WorkerOptions } from '@penknife/core'
import { Redis } from 'ioredis'

const [url, space, name, group, options] = process.argv.slice(2) as [string, string, string, string, string]
const raw = new Redis(url, { enableAutoPipelining: true })
const stream = createStream<number>(connect(new Redis(url, { lazyConnect: true })).space(space), name)
const worker = stream.worker(
  group,
  ({ payload }) => raw.zincrby('test:handled', 1, String(payload)),
  JSON.parse(options) as WorkerOptions,
)
console.log(JSON.stringify(worker.consumer))
