import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, onTestFinished } from 'vitest'

import { type ClusterOptions, type PrivateCluster, startCluster } from '../../scripts/redis/cluster.ts'
import { type PrivateRedis, type RedisOptions, startRedis } from '../../scripts/redis/server.ts'

export {
  clusterPattern,
  clusterPatternOf,
  type DriverName,
  DRIVERS,
  loadDriver,
  pattern,
  patternOf,
  sentinelPatternOf,
} from '../../scripts/redis/clients.ts'

/**
 * A server for one test file, emptied before each test, with a plain client to inspect it. It keeps the scripts that it knows, because
 * compiling one takes 2 ms.
 */
export interface Bench {
  readonly server: PrivateRedis
  readonly raw: Redis
}

export function useRedis(options: RedisOptions = {}): Bench {
  let server: PrivateRedis
  let raw: Redis
  beforeAll(async () => {
    server = await startRedis(options)
    raw = new Redis(server.socket)
    raw.on('error', () => {})
  })
  beforeEach(async () => void (await raw.multi().flushall().config('RESETSTAT').exec()))
  afterAll(async () => {
    raw?.disconnect()
    await server?.stop()
  })
  return {
    get server() {
      return server
    },
    get raw() {
      return raw
    },
  }
}

/** A cluster of a test file's own, emptied before each test, with a plain client for each master. */
export interface ClusterBench {
  readonly cluster: PrivateCluster
  readonly raws: readonly Redis[]
}

export function useCluster(options: ClusterOptions = {}): ClusterBench {
  let cluster: PrivateCluster
  let raws: Redis[] = []
  beforeAll(async () => {
    cluster = await startCluster(options)
    raws = cluster.nodes.map(({ socket }) => {
      const raw = new Redis(socket)
      raw.on('error', () => {})
      return raw
    })
  })
  beforeEach(async () => {
    for (const raw of raws) await raw.multi().flushall().config('RESETSTAT').exec()
  })
  afterAll(async () => {
    for (const raw of raws) raw.disconnect()
    await cluster?.stop()
  })
  return {
    get cluster() {
      return cluster
    },
    get raws() {
      return raws
    },
  }
}

/** A server for one test alone, to be killed, frozen or configured. */
export async function ownRedis(options: RedisOptions = {}): Promise<PrivateRedis> {
  const server = await startRedis(options)
  onTestFinished(() => server.stop())
  return server
}

/** Suspends a server for the rest of the test. At its end it answers the waiting calls. */
export function freeze(server: PrivateRedis): void {
  server.freeze()
  onTestFinished(() => server.thaw())
}

/** How often Redis ran a command since the counters were reset. */
export async function callsOf(raw: Redis, command: string): Promise<number> {
  const stats = await raw.info('commandstats')
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)
}

/** Connections of penknife that a server still has open. */
export async function penknifeClients(raw: Redis): Promise<string[]> {
  const list = String(await raw.call('CLIENT', 'LIST'))
  return list.split('\n').filter((line) => /name=\S*penknife/.test(line))
}
