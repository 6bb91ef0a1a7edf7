import { randomBytes } from 'node:crypto'

import type { Counters } from '@penknife/core'

import type { Contender, Peer, Running } from '../harness/bench.ts'
import { connection, pattern, SETUPS } from '../harness/connections.ts'
import { coreOf, type Library } from '../harness/library.ts'

const COUNTERS = 1000
/** So large that no counter reaches its floor during the measurement. */
const STOCK = 1_000_000
const nameOf = (at: number): string => `sku-${at % COUNTERS}`

async function open(
  url: string,
  ops: number,
  library: Library,
  call: (stock: Counters, at: number) => Promise<number>,
): Promise<Running> {
  const core = await coreOf(library)
  const client = core.connect(pattern(url, library), { deadline: '5s' })
  const stock = core.createCounters(client.space('bench'), 'stock', { initial: STOCK })
  return { expected: ops, call: (at) => call(stock, at), close: () => client.close() }
}

export const counters: Contender = {
  setup: 'default',
  commands: ['evalsha', 'eval'],
  open: (url, ops, library) =>
    open(url, ops, library, async (stock, at) => ((await stock.decrement(nameOf(at))).ok ? 1 : 0)),
}

export const reserve: Contender = {
  setup: 'default',
  commands: ['evalsha', 'eval'],
  open: (url, ops, library) =>
    open(url, ops, library, async (stock, at) => {
      const made = await stock.reserve([{ counter: nameOf(at), by: -1 }], { expires: '10m' })
      return made.ok && (await made.reservation.commit()).state === 'committed' ? 1 : 0
    }),
}

const TAKE = `local left = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or ${STOCK})
if left < tonumber(ARGV[2]) then return -1 end
redis.call('HSET', KEYS[1], ARGV[1], left - ARGV[2])
return left - ARGV[2]`

/** A hand-written script: one call for each change. */
export const rawCounters: Peer = {
  name: 'raw EVALSHA',
  setups: SETUPS.map((setup) => ({
    setup,
    commands: ['evalsha'],
    async open(url, ops) {
      const redis = await connection(url, setup)
      const sha = String(await redis.script('LOAD', TAKE))
      return {
        expected: ops,
        call: async (at) => (Number(await redis.evalsha(sha, 1, 'stock', nameOf(at), 1)) >= 0 ? 1 : 0),
        close: async () => redis.disconnect(),
      }
    },
  })),
}

/** Decrements the stock and stores when the reservation expires. Gives back expired ones first. */
const RESERVE = `local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
for _, id in ipairs(redis.call('ZRANGE', KEYS[2], '-inf', now, 'BYSCORE', 'LIMIT', 0, 10)) do
  local name, count = string.match(redis.call('HGET', KEYS[3], id) or '', '^(%S+) (%d+)$')
  if name then redis.call('HINCRBY', KEYS[1], name, count) end
  redis.call('HDEL', KEYS[3], id)
  redis.call('ZREM', KEYS[2], id)
end
local left = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or ${STOCK})
if left < tonumber(ARGV[2]) then return -1 end
redis.call('HSET', KEYS[1], ARGV[1], left - ARGV[2])
redis.call('ZADD', KEYS[2], now + ARGV[4], ARGV[3])
redis.call('HSET', KEYS[3], ARGV[3], ARGV[1] .. ' ' .. ARGV[2])
return left - ARGV[2]`
const COMMIT = `if redis.call('HDEL', KEYS[3], ARGV[1]) == 0 then return 0 end
return redis.call('ZREM', KEYS[2], ARGV[1])`

/** The same by hand, without support for repeated calls: two scripts, one call each. */
export const rawReserve: Peer = {
  name: 'raw EVALSHA, two scripts',
  setups: SETUPS.map((setup) => ({
    setup,
    commands: ['evalsha'],
    async open(url, ops) {
      const redis = await connection(url, setup)
      const keys = ['stock', 'stock:expiring', 'stock:reserved']
      const take = String(await redis.script('LOAD', RESERVE))
      const commit = String(await redis.script('LOAD', COMMIT))
      return {
        expected: ops,
        async call(at) {
          const id = randomBytes(15).toString('base64url')
          if (Number(await redis.evalsha(take, 3, ...keys, nameOf(at), 1, id, 600_000)) < 0) return 0
          return Number(await redis.evalsha(commit, 3, ...keys, id))
        },
        close: async () => redis.disconnect(),
      }
    },
  })),
}
