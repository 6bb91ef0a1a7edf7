import { connect, type Connection, createRateLimiter } from '@penknife/core'

import type { Contender } from '../harness/bench.ts'
import { clusterPattern, pattern } from '../harness/connections.ts'
import { allowedOf, subjectsOf, type Workload } from './workload.ts'

export function ours(workload: Workload): Contender {
  return penknife(workload, pattern)
}

export function oursOnCluster(workload: Workload): Contender {
  return penknife(workload, clusterPattern)
}

function penknife(workload: Workload, connectionTo: (url: string) => Connection): Contender {
  const subjects = subjectsOf(workload)
  return {
    setup: 'default',
    commands: ['evalsha', 'eval'],
    async open(url, ops) {
      const client = connect(connectionTo(url))
      const limiter = createRateLimiter(client.space('bench'), {
        name: 'bench',
        rules: workload.rules(ops).map(({ name, limit, windowMs }) => ({ name, limit, window: windowMs })),
        // A decision that Redis did not take is an error here.
        whenUnavailable: 'throw',
        deadline: '5s',
      })
      return {
        prepare: subjects.next,
        expected: allowedOf(workload, ops),
        async call(at) {
          const { allowed } = await limiter.take(subjects.of(at))
          return allowed ? 1 : 0
        },
        close: () => client.close(),
      }
    },
  }
}
