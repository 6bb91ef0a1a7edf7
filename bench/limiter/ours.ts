import { connect, createRateLimiter } from '@penknife/core'
import { Redis } from 'ioredis'

import type { Contender } from '../harness/bench.ts'
import { allowedOf, limitFor, subjectOf, WINDOW_MS } from './workload.ts'

export const ours: Contender = {
  setup: 'default',
  commands: ['evalsha', 'eval'],
  async open(url, ops) {
    // Only the pattern for penknife's own connection.
    const penknife = connect(new Redis(url, { lazyConnect: true }))
    const limiter = createRateLimiter(penknife.space('bench'), {
      name: 'exact',
      rules: [{ name: 'day', limit: limitFor(ops), window: WINDOW_MS }],
      // A decision that Redis did not take is an error here.
      whenUnavailable: 'throw',
      deadline: '5s',
    })
    return {
      expected: allowedOf(ops),
      async call(at) {
        const { allowed } = await limiter.take(subjectOf(at))
        return allowed ? 1 : 0
      },
      close: () => penknife.close(),
    }
  },
}
