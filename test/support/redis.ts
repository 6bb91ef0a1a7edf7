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

interface Shared {
  readonly server: PrivateRedis
  readonly pid: number
  /** Its settings and users when it started. */
  readonly state: string
}

/**
 * The server that the next file of this test process may use too, because a start takes 70 ms and the scripts that it knows more. It
 * ends with the process.
 */
let idle: Shared | undefined

/** Without options it may be a server that earlier files have used, with all settings as they were at its start. */
export function useRedis(options?: RedisOptions): Bench {
  let shared: Shared | undefined
  let server: PrivateRedis
  let raw: Redis
  beforeAll(async () => {
    if (options === undefined && idle !== undefined) {
      shared = idle
      idle = undefined
    }
    server = shared?.server ?? (await startRedis(options))
    raw = new Redis(server.socket)
    raw.on('error', () => {})
    if (options === undefined) shared ??= { server, pid: server.pid, state: await stateOf(raw) }
  })
  beforeEach(async () => void (await raw.pipeline().flushall().config('RESETSTAT').slowlog('RESET').exec()))
  afterAll(async () => {
    const keep = shared !== undefined && idle === undefined && (await isAsAtStart(shared, raw))
    raw?.disconnect()
    if (keep) idle = shared
    else await server?.stop()
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

async function stateOf(raw: Redis): Promise<string> {
  return JSON.stringify([await raw.config('GET', '*'), await raw.acl('LIST')])
}

/** Whether a file left nothing on a server that the next one could see: no setting, no user, no connection. */
async function isAsAtStart({ server, pid, state }: Shared, raw: Redis): Promise<boolean> {
  if (!server.running || server.pid !== pid || (await stateOf(raw)) !== state) return false
  const clients = String(await raw.call('CLIENT', 'LIST'))
  return clients.trim().split('\n').length === 1
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
    for (const raw of raws) await raw.pipeline().flushall().config('RESETSTAT').exec()
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
