import { randomBytes } from 'node:crypto'

import type { Redis } from 'ioredis'
import { Mutex } from 'redis-semaphore'
import { createLock, IoredisAdapter } from 'redlock-universal'

import type { Contender, Peer } from '../harness/bench.ts'
import { connection, pattern, SETUPS } from '../harness/connections.ts'
import { coreOf } from '../harness/library.ts'
import { installed } from '../harness/versions.ts'

const LEASE_MS = 10_000
const keyOf = (at: number): string => `order-${at}`

export const lock: Contender = {
  setup: 'default',
  commands: ['evalsha', 'eval'],
  async open(url, ops, library) {
    const core = await coreOf(library)
    const client = core.connect(pattern(url, library), { deadline: '5s' })
    const locks = core.createLock(client.space('bench'), 'orders', { lease: LEASE_MS })
    return {
      expected: ops,
      async call(at) {
        const held = await locks.tryAcquire(keyOf(at))
        return held && (await held.release()) ? 1 : 0
      },
      close: () => client.close(),
    }
  },
}

/** Set up as in its README: an object for each key, which renews itself. */
export const redisSemaphore: Peer = {
  name: installed('redis-semaphore'),
  setups: SETUPS.map((setup) => ({
    setup,
    commands: ['set', 'evalsha', 'eval'],
    async open(url, ops) {
      const redis = await connection(url, setup)
      return {
        expected: ops,
        async call(at) {
          const mutex = new Mutex(redis, keyOf(at), { lockTimeout: LEASE_MS })
          await mutex.acquire()
          await mutex.release()
          return 1
        },
        async close() {
          redis.disconnect()
        },
      }
    },
  })),
}

export const redlockUniversal: Peer = {
  name: installed('redlock-universal'),
  setups: SETUPS.map((setup) => ({
    setup,
    commands: ['set', 'evalsha', 'eval'],
    async open(url, ops) {
      const redis = await connection(url, setup)
      const adapter = new IoredisAdapter(redis)
      return {
        expected: ops,
        async call(at) {
          const one = createLock({ adapter, key: keyOf(at), ttl: LEASE_MS })
          const handle = await one.acquire()
          return (await one.release(handle)) ? 1 : 0
        },
        async close() {
          redis.disconnect()
        },
      }
    },
  })),
}

const RELEASE = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`

/** A hand-written lock: SET NX PX, and a script that deletes the caller's own key. */
export const rawLock: Peer = {
  name: 'raw SET NX PX and a script',
  setups: SETUPS.map((setup) => ({
    setup,
    commands: ['set', 'evalsha'],
    async open(url, ops) {
      const redis = await connection(url, setup)
      const sha = String(await redis.script('LOAD', RELEASE))
      return {
        expected: ops,
        call: (at) => callRaw(redis, sha, keyOf(at)),
        close: async () => redis.disconnect(),
      }
    },
  })),
}

async function callRaw(redis: Redis, sha: string, key: string): Promise<number> {
  const owner = randomBytes(12).toString('base64url')
  if ((await redis.set(key, owner, 'PX', LEASE_MS, 'NX')) !== 'OK') return 0
  return Number(await redis.evalsha(sha, 1, key, owner))
}
