import type { Contender, Peer } from '../harness/bench.ts'
import {
  clusterConnection,
  connection,
  nodeRedisConnection,
  type Setup,
  SETUPS,
} from '../harness/connections.ts'
import { subjectsOf, type Workload } from './workload.ts'

/** The least cost of a script for each decision: an EVALSHA that decides nothing. */
export function raw(workload: Workload): Peer {
  const subjects = subjectsOf(workload)
  const onNodeRedis: Contender = {
    setup: 'node-redis',
    client: 'node-redis',
    commands: ['evalsha'],
    async open(url, ops) {
      const client = await nodeRedisConnection(url)
      const sha = await client.scriptLoad('return 1')
      return {
        expected: ops,
        async call(at) {
          return Number(await client.evalSha(sha, { keys: [subjects.of(at)], arguments: ['1'] }))
        },
        async close() {
          client.destroy()
        },
      }
    },
  }

  return {
    name: 'raw EVALSHA of return 1',
    setups: [...SETUPS.map(onIoredis), onNodeRedis],
  }

  function onIoredis(setup: Setup): Contender {
    return {
      setup,
      commands: ['evalsha'],
      async open(url, ops) {
        const redis = await connection(url, setup)
        const sha = String(await redis.script('LOAD', 'return 1'))
        return {
          expected: ops,
          async call(at) {
            return Number(await redis.evalsha(sha, 1, subjects.of(at), 1))
          },
          async close() {
            redis.disconnect()
          },
        }
      },
    }
  }
}

/** The same over the masters of a cluster. */
export function rawOnCluster(workload: Workload): Peer {
  const subjects = subjectsOf(workload)
  return {
    name: 'raw EVALSHA of return 1',
    setups: SETUPS.map((setup) => ({
      setup,
      commands: ['evalsha', 'eval'],
      async open(url, ops) {
        const redis = await clusterConnection(url, setup)
        redis.defineCommand('one', { numberOfKeys: 1, lua: 'return 1' })
        const one = Reflect.get(redis, 'one') as (key: string, by: number) => Promise<number>
        return {
          expected: ops,
          call: (at) => one.call(redis, subjects.of(at), 1),
          async close() {
            redis.disconnect()
          },
        }
      },
    })),
  }
}
