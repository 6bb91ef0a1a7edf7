// Takes tokens of all subjects, one after the other, as fast as it can, until its input ends. One of several
// processes. argv: the server's URL, or the ports of a cluster with commas between; the rules as JSON; the number of
// subjects; the option `lease` as JSON, if any.
import { once } from 'node:events'

import { connect, createRateLimiter, type LimiterRule, type LimiterTokenLeaseOptions } from '@penknife/core'

import { clusterPattern, pattern } from '../../../scripts/redis/clients.ts'

const [where = '', rules = '', subjects = '1', leasing = ''] = process.argv.slice(2)
const say = (value: unknown): void => console.log(JSON.stringify(value))
const ports = /^[\d,]+$/.test(where) ? where.split(',').map(Number) : undefined
const given = ports
  ? clusterPattern({ startupNodes: ports.map((port) => ({ host: '127.0.0.1', port })) })
  : pattern(where)
const penknife = connect(given)
const limiter = createRateLimiter(penknife.space('shop'), 'api', {
  rules: JSON.parse(rules) as LimiterRule[],
  whenUnavailable: 'throw',
  deadline: '10s',
  ...(leasing === '' ? {} : { lease: JSON.parse(leasing) as LimiterTokenLeaseOptions }),
})

await limiter.take('warm-up')
say('ready')
await once(process.stdin, 'data')
const run = { going: true }
process.stdin.once('data', () => (run.going = false))
let allowed = 0
let denied = 0
let turn = 0
async function hammer(): Promise<void> {
  while (run.going) {
    const { allowed: passed, lease } = await limiter.take(`subject-${turn++ % Number(subjects)}`)
    if (passed) allowed += 1
    else denied += 1
    await lease?.release()
  }
}
await Promise.all(Array.from({ length: 20 }, hammer))
say({ allowed, denied })
await penknife.close()
process.exit(0)
