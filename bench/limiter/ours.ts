import type { Contender } from '../harness/bench.ts'
import { clusterPattern, pattern } from '../harness/connections.ts'
import { coreOf } from '../harness/library.ts'
import { allowedOf, subjectsOf, type Workload } from './workload.ts'

export interface OursOptions {
  /** Whether to use the deny cache. Default: false. */
  readonly denyCache?: boolean
  /** Default: false. */
  readonly onCluster?: boolean
}

export function ours(
  workload: Workload,
  { denyCache = false, onCluster = false }: OursOptions = {},
): Contender {
  const subjects = subjectsOf(workload)
  return {
    setup: denyCache ? 'deny cache' : 'default',
    commands: ['evalsha', 'eval'],
    async open(url, ops, library) {
      const { connect, createRateLimiter } = await coreOf(library)
      const client = connect(onCluster ? clusterPattern(url, library) : pattern(url, library))
      const limiter = createRateLimiter(client.space('bench'), 'bench', {
        rules: workload.rules(ops).map(({ name, limit, windowMs }) => ({ name, limit, window: windowMs })),
        // A decision that was not made by Redis is an error here.
        whenUnavailable: 'throw',
        denyCache,
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
