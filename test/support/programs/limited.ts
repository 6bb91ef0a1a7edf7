// One version of an application: takes one token for each line of its input, and prints the result. argv: the
// server's URL; the limiter's rules as JSON.
import { createInterface } from 'node:readline'

import { connect, createRateLimiter, type PenknifeError, type LimiterRule } from '@penknife/core'
import { pattern } from '../../../scripts/redis/clients.ts'

const [url = '', rules = ''] = process.argv.slice(2)
const say = (value: unknown): void => console.log(JSON.stringify(value))
const penknife = connect(pattern(url))
const limiter = createRateLimiter(penknife.space('shop'), 'api', {
  rules: JSON.parse(rules) as LimiterRule[],
  whenUnavailable: 'throw',
  deadline: '10s',
})
limiter.on((event) => say({ event }))
say('ready')
for await (const subject of createInterface({ input: process.stdin })) {
  try {
    const { allowed, remaining } = await limiter.take(subject)
    say({ allowed, remaining })
  } catch (error) {
    say({ refused: (error as PenknifeError).message, code: (error as PenknifeError).code })
  }
}
