import type { Peer } from '../harness/bench.ts'
import { connection, SETUPS } from '../harness/connections.ts'
import { subjectOf } from './workload.ts'

/** The least that a script for each decision costs: an EVALSHA that decides nothing. */
export const raw: Peer = {
  name: 'raw EVALSHA of return 1',
  setups: SETUPS.map((setup) => ({
    setup,
    commands: ['evalsha'],
    async open(url, ops) {
      const redis = await connection(url, setup)
      const sha = String(await redis.script('LOAD', 'return 1'))
      return {
        expected: ops,
        async call(at) {
          return Number(await redis.evalsha(sha, 1, subjectOf(at), 1))
        },
        async close() {
          redis.disconnect()
        },
      }
    },
  })),
}
