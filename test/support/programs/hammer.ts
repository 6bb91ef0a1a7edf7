// Takes tokens of all subjects, one after the other, as fast as it can. One of several processes. Each run is three lines of its input:
// a `HammerRun` as JSON, after which it prints 'ready'; 'go'; and 'stop', after which it prints what it counted.
import { createInterface } from 'node:readline'

import { connect, createRateLimiter, type LimiterRule, type LimiterTokenLeaseOptions } from '@penknife/core'

import { clusterPattern, pattern } from '../../../scripts/redis/clients.ts'

interface HammerRun {
  /** The server's URL, or the ports of a cluster with commas between. */
  readonly where: string
  readonly rules: readonly LimiterRule[]
  readonly subjects: number
  readonly lease?: LimiterTokenLeaseOptions
}

const say = (value: unknown): void => console.log(JSON.stringify(value))
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

async function hammer({ where, rules, subjects, lease }: HammerRun): Promise<void> {
  const ports = /^[\d,]+$/.test(where) ? where.split(',').map(Number) : undefined
  const given = ports
    ? clusterPattern({ startupNodes: ports.map((port) => ({ host: '127.0.0.1', port })) })
    : pattern(where)
  const penknife = connect(given)
  const limiter = createRateLimiter(penknife.space('shop'), 'api', {
    rules,
    whenUnavailable: 'throw',
    deadline: '10s',
    ...(lease && { lease }),
  })
  await limiter.take('warm-up')
  say('ready')
  await lines.next()
  const run = { going: true }
  const stopped = lines.next().then(() => (run.going = false))
  const counts = { allowed: 0, denied: 0 }
  let turn = 0
  async function takeOn(): Promise<void> {
    while (run.going) {
      const { allowed, lease: slot } = await limiter.take(`subject-${turn++ % subjects}`)
      counts[allowed ? 'allowed' : 'denied'] += 1
      await slot?.release()
    }
  }
  await Promise.all([stopped, ...Array.from({ length: 20 }, takeOn)])
  say(counts)
  await penknife.close()
}

for (let line = await lines.next(); !line.done; line = await lines.next())
  await hammer(JSON.parse(line.value) as HammerRun)
process.exit(0)
