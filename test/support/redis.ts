import {
  Cluster,
  type ClusterOptions as ClusterClientOptions,
  Redis,
  type RedisOptions as ClientOptions,
} from 'ioredis'
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis5'
import { createClient, createCluster, createSentinel } from 'redis'
import { afterAll, beforeAll, beforeEach, onTestFinished } from 'vitest'

import { type ClusterOptions, type PrivateCluster, startCluster } from '../../scripts/redis/cluster.ts'
import type { PrivateSentinels } from '../../scripts/redis/sentinel.ts'
import { type PrivateRedis, type RedisOptions, startRedis } from '../../scripts/redis/server.ts'

/** A server of a test file's own, emptied before each test, with a plain client to look at it. */
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
  beforeEach(async () => void (await raw.multi().flushall().script('FLUSH').config('RESETSTAT').exec()))
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
    for (const raw of raws) await raw.multi().flushall().script('FLUSH').config('RESETSTAT').exec()
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

/** Stops a server from answering for the rest of the test; at its end it answers what is still waiting. */
export function freeze(server: PrivateRedis): void {
  server.freeze()
  onTestFinished(() => server.thaw())
}

/** The protocol of the tests' connections: 3, as ioredis 6 has it by default, or 2 by PENKNIFE_RESP=2. */
const RESP = process.env['PENKNIFE_RESP'] === '2' ? 2 : 3

export const DRIVERS = ['ioredis', 'ioredis5', 'node-redis'] as const
export type DriverName = (typeof DRIVERS)[number]

/** The client library that penknife is given: ioredis 6, unless PENKNIFE_DRIVER names another. */
const DRIVER = (process.env['PENKNIFE_DRIVER'] ?? 'ioredis') as DriverName
if (!DRIVERS.includes(DRIVER)) throw new Error(`PENKNIFE_DRIVER is ${DRIVER}, not one of ${DRIVERS.join()}`)

/** What an application hands to connect(): never connected itself, because penknife takes it as a pattern. */
export function pattern(url: string, options: ClientOptions = {}): Redis {
  return patternOf(DRIVER, url, options)
}

/** As `pattern`, for a driver; what is not of ioredis 6 passes for it, since penknife alone uses it. */
export function patternOf(driver: DriverName, url: string, options: ClientOptions = {}): Redis {
  // ioredis' overloads by reply mapping do not take its own options type.
  const settings: object = { protocol: RESP, ...options, lazyConnect: true }
  if (driver === 'ioredis5') return new Redis5(url, settings) as unknown as Redis
  return driver === 'node-redis' ? (nodeRedis(url, options) as Redis) : new Redis(url, settings)
}

/** The same settings, as node-redis calls them. */
function nodeRedis(url: string, options: ClientOptions): unknown {
  const path = url.startsWith('/') ? url : undefined
  const at = new URL(path === undefined ? url : 'redis://localhost')
  const { username = at.username, password = at.password, db = at.pathname.slice(1) } = options
  const tls = at.protocol === 'rediss:' && { tls: true, ...options.tls }
  return createClient({
    ...nodeRedisOptions({ ...options, username, password, db: Number(db) }),
    socket: path === undefined ? { host: at.hostname, port: Number(at.port), ...tls } : { path },
  } as object)
}

function nodeRedisOptions({ keyPrefix, username, password, db, protocol }: ClientOptions): object {
  return {
    RESP: protocol ?? RESP,
    ...(db !== undefined && { database: db }),
    ...(keyPrefix !== undefined && { keyPrefix }),
    ...(username && { username }),
    ...(password && { password }),
  }
}

export function clusterPattern(cluster: PrivateCluster, options: ClusterClientOptions = {}): Cluster {
  return clusterPatternOf(DRIVER, cluster, options)
}

/** As `patternOf`, for a cluster. */
export function clusterPatternOf(
  driver: DriverName,
  cluster: Pick<PrivateCluster, 'startupNodes'>,
  options: ClusterClientOptions = {},
): Cluster {
  const redisOptions: object = { protocol: RESP, ...options.redisOptions }
  const settings: object = { ...options, redisOptions, lazyConnect: true }
  const nodes = [...cluster.startupNodes]
  if (driver === 'ioredis5') return new Cluster5(nodes, settings) as unknown as Cluster
  if (driver === 'ioredis') return new Cluster(nodes, settings)
  const { keyPrefix, natMap } = options
  const made: unknown = createCluster({
    rootNodes: nodes.map((socket) => ({ socket })),
    defaults: nodeRedisOptions({ ...options.redisOptions }),
    ...(keyPrefix !== undefined && { keyPrefix }),
    ...(natMap && { nodeAddressMap: natMap }),
  } as object as Parameters<typeof createCluster>[0])
  return made as Cluster
}

/** As `patternOf`, for the master that Sentinel names. */
export function sentinelPatternOf(
  driver: DriverName,
  { addresses, name }: Pick<PrivateSentinels, 'addresses' | 'name'>,
  options: ClientOptions = {},
): Redis {
  const settings: object = { protocol: RESP, ...options, sentinels: [...addresses], name, lazyConnect: true }
  if (driver === 'ioredis5') return new Redis5(settings) as unknown as Redis
  if (driver === 'ioredis') return new Redis(settings)
  const { keyPrefix, ...others } = options
  const made: unknown = createSentinel({
    name,
    sentinelRootNodes: [...addresses],
    nodeClientOptions: nodeRedisOptions(others),
    ...(keyPrefix !== undefined && { keyPrefix }),
  } as object as Parameters<typeof createSentinel>[0])
  return made as Redis
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
