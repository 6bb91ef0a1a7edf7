/** Accepts requests and never answers, so each keeps a slot until the process is killed. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

import { connect, createRateLimiter } from '@penknife/core'
import { rateLimit } from '@penknife/http'

import { pattern } from '../../../scripts/redis/clients.ts'

const penknife = connect(pattern(process.env['REDIS'] as string))
const limiter = createRateLimiter(penknife.space('test'), 'busy', {
  rules: [{ name: 'calls', algorithm: 'concurrency', limit: 1, lease: '500ms' }],
  whenUnavailable: 'throw',
  deadline: '5s',
})
const limit = rateLimit(limiter)

const server = createServer((request, response) => {
  void limit(request, response).then((passed) => console.log(passed ? 'holding' : 'denied'))
})
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))
