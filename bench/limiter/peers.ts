import type { Cluster, Redis } from 'ioredis'
import { RedisStore, type RedisReply } from 'rate-limit-redis'
import { RateLimiterRedis, RateLimiterRes, RateLimiterUnion } from 'rate-limiter-flexible'

import type { Contender, Peer, Running } from '../harness/bench.ts'
import {
  clusterConnection,
  connection,
  nodeRedisConnection,
  type Setup,
  SETUPS,
} from '../harness/connections.ts'
import { installed } from '../harness/versions.ts'
import { allowedOf, subjectsOf, type WorkRule, type Workload } from './workload.ts'

export interface FlexibleOptions {
  /** Whether to answer from memory for a subject without quota, as its wiki recommends under attack. Default: false. */
  readonly blockInMemory?: boolean
  /** Default: false. */
  readonly onCluster?: boolean
}

/**
 * Set up as in its wiki for ioredis: a RateLimiterRedis, and a RateLimiterUnion for several rules. Its faster
 * non-atomic class is not measured, because it counts wrongly under races.
 */
export function rateLimiterFlexible(workload: Workload, options: FlexibleOptions = {}): Peer {
  const { blockInMemory = false, onCluster = false } = options
  const subjects = subjectsOf(workload)
  const onNodeRedis: Contender = {
    setup: 'node-redis',
    client: 'node-redis',
    commands: ['evalsha', 'eval'],
    async open(url, ops) {
      const client = await nodeRedisConnection(url)
      return running(client, ops, () => client.destroy())
    },
  }

  function running(client: StoreClient, ops: number, close: () => void): Running {
    const limiters = workload.rules(ops).map((rule) => limiterFor(client, rule, blockInMemory))
    const [first] = limiters as [RateLimiterRedis]
    const limiter = limiters.length === 1 ? first : new RateLimiterUnion(...limiters)
    return {
      prepare: subjects.next,
      expected: allowedOf(workload, ops),
      async call(at) {
        try {
          await limiter.consume(subjects.of(at))
          return 1
        } catch (denied) {
          if (isDenial(denied)) return 0
          throw denied
        }
      },
      async close() {
        close()
      },
    }
  }

  return {
    name: `${installed('rate-limiter-flexible')}${blockInMemory ? ', blocks in memory' : ''}`,
    setups: [...SETUPS.map(onIoredis), ...(onCluster ? [] : [onNodeRedis])],
  }

  function onIoredis(setup: Setup): Contender {
    return {
      setup,
      commands: ['evalsha', 'eval'],
      async open(url, ops) {
        const redis = onCluster
          ? await clusterConnection(url, setup, { enableOfflineQueue: false })
          : await connection(url, setup, { enableOfflineQueue: false })
        return running(redis, ops, () => redis.disconnect())
      },
    }
  }
}

type StoreClient = Redis | Cluster | Awaited<ReturnType<typeof nodeRedisConnection>>

function limiterFor(
  storeClient: StoreClient,
  { name, limit, windowMs }: WorkRule,
  blockInMemory: boolean,
): RateLimiterRedis {
  return new RateLimiterRedis({
    storeClient,
    useRedisPackage: 'sendCommand' in storeClient && 'isOpen' in storeClient,
    keyPrefix: name,
    points: limit,
    duration: windowMs / 1000,
    ...(blockInMemory ? { inMemoryBlockOnConsumed: limit } : {}),
  })
}

/** A union rejects with a result for each of its limiters that denied. */
function isDenial(error: unknown): boolean {
  if (error instanceof RateLimiterRes) return true
  return (
    typeof error === 'object' &&
    error !== null &&
    Object.values(error).every((each) => each instanceof RateLimiterRes)
  )
}

/** Only its store, without express-rate-limit, which would only add time. One rule. */
export function rateLimitRedis(workload: Workload): Peer {
  const subjects = subjectsOf(workload)
  return {
    name: installed('rate-limit-redis'),
    setups: SETUPS.map((setup) => ({
      setup,
      commands: ['evalsha', 'eval'],
      async open(url, ops) {
        const redis = await connection(url, setup)
        const store = new RedisStore({
          sendCommand: (command: string, ...args: string[]) =>
            redis.call(command, ...args) as Promise<RedisReply>,
        })
        const [{ limit, windowMs }] = workload.rules(ops) as readonly [WorkRule]
        await store.init({ windowMs } as Parameters<typeof store.init>[0])
        return {
          prepare: subjects.next,
          expected: allowedOf(workload, ops),
          async call(at) {
            const { totalHits } = await store.increment(subjects.of(at))
            return totalHits <= limit ? 1 : 0
          },
          async close() {
            redis.disconnect()
          },
        }
      },
    })),
  }
}
