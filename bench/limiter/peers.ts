import { RedisStore, type RedisReply } from 'rate-limit-redis'
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'

import type { Peer } from '../harness/bench.ts'
import { connection, SETUPS } from '../harness/connections.ts'
import { installed } from '../harness/versions.ts'
import { allowedOf, limitFor, subjectOf, WINDOW_MS } from './workload.ts'

/**
 * As its wiki sets it up for ioredis. Its block in memory stays off: it answers for Redis, and the question here
 * is what an answer of Redis costs. Its faster non-atomic class is left out, as it counts wrongly under races.
 */
export const rateLimiterFlexible: Peer = {
  name: installed('rate-limiter-flexible'),
  setups: SETUPS.map((setup) => ({
    setup,
    commands: ['evalsha', 'eval'],
    async open(url, ops) {
      const redis = await connection(url, setup, { enableOfflineQueue: false })
      const limiter = new RateLimiterRedis({
        storeClient: redis,
        keyPrefix: 'rlflx',
        points: limitFor(ops),
        duration: WINDOW_MS / 1000,
      })
      return {
        expected: allowedOf(ops),
        async call(at) {
          try {
            await limiter.consume(subjectOf(at))
            return 1
          } catch (denied) {
            if (denied instanceof RateLimiterRes) return 0
            throw denied
          }
        },
        async close() {
          redis.disconnect()
        },
      }
    },
  })),
}

/** Its store alone, without express-rate-limit in front, which would only add to its time. */
export const rateLimitRedis: Peer = {
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
      await store.init({ windowMs: WINDOW_MS } as Parameters<typeof store.init>[0])
      const limit = limitFor(ops)
      return {
        expected: allowedOf(ops),
        async call(at) {
          const { totalHits } = await store.increment(subjectOf(at))
          return totalHits <= limit ? 1 : 0
        },
        async close() {
          redis.disconnect()
        },
      }
    },
  })),
}
