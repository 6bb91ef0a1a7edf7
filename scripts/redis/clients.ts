import {
  Cluster,
  type ClusterOptions as ClusterClientOptions,
  Redis,
  type RedisOptions as ClientOptions,
} from 'ioredis'
import type * as Ioredis5 from 'ioredis5'
import type * as NodeRedis from 'redis'
import type * as NodeRedis5 from 'redis5'

import type { PrivateCluster } from './cluster.ts'
import type { PrivateSentinels } from './sentinel.ts'

/** The protocol of the connections: 3, as ioredis 6 has it by default, or 2 by PENKNIFE_RESP=2. */
const RESP = process.env['PENKNIFE_RESP'] === '2' ? 2 : 3

export const DRIVERS = ['ioredis', 'ioredis5', 'node-redis', 'node-redis5'] as const
export type DriverName = (typeof DRIVERS)[number]

/** The client library of tests, chaos and benches that penknife is given: ioredis 6, unless PENKNIFE_DRIVER names another. */
const DRIVER = (process.env['PENKNIFE_DRIVER'] ?? 'ioredis') as DriverName
if (!DRIVERS.includes(DRIVER)) throw new Error(`PENKNIFE_DRIVER is ${DRIVER}, not one of ${DRIVERS.join()}`)

/** Client libraries that were loaded: each costs a process time and memory. */
let ioredis5: typeof Ioredis5
let nodeRedis6: typeof NodeRedis
let nodeRedis5: typeof NodeRedis5

/** Loads a driver's client library, before `patternOf` and its siblings make clients of it. ioredis 6 is always there. */
export async function loadDriver(driver: DriverName): Promise<void> {
  if (driver === 'ioredis5') ioredis5 = await import('ioredis5')
  if (driver === 'node-redis') nodeRedis6 = await import('redis')
  if (driver === 'node-redis5') nodeRedis5 = await import('redis5')
}
await loadDriver(DRIVER)

/** What an application hands to connect(): never connected itself, because penknife takes it as a pattern. */
export function pattern(url: string, options: ClientOptions = {}): Redis {
  return patternOf(DRIVER, url, options)
}

/** As `pattern`, for a driver; what is not of ioredis 6 passes for it, since penknife alone uses it. */
export function patternOf(driver: DriverName, url: string, options: ClientOptions = {}): Redis {
  // ioredis' overloads by reply mapping do not take its own options type.
  const settings: object = { protocol: RESP, ...options, lazyConnect: true }
  if (driver === 'ioredis5') return new ioredis5.Redis(url, settings) as unknown as Redis
  if (driver === 'ioredis') return new Redis(url, settings)
  return nodeRedis(libraryOf(driver), url, options) as Redis
}

/** Both versions have the functions that are used here; each takes its own options. */
function libraryOf(driver: DriverName): typeof NodeRedis {
  return driver === 'node-redis5' ? (nodeRedis5 as unknown as typeof NodeRedis) : nodeRedis6
}

/** The same settings, as node-redis calls them. */
function nodeRedis(library: typeof NodeRedis, url: string, options: ClientOptions): unknown {
  const path = url.startsWith('/') ? url : undefined
  const at = new URL(path === undefined ? url : 'redis://localhost')
  const { username = at.username, password = at.password, db = at.pathname.slice(1) } = options
  const tls = at.protocol === 'rediss:' && { tls: true, ...options.tls }
  return clientOf(library, options.protocol ?? RESP).duplicate({
    ...nodeRedisOptions({ ...options, username, password, db: Number(db) }),
    socket: path === undefined ? { host: at.hostname, port: Number(at.port), ...tls } : { path },
  } as object)
}

function nodeRedisOptions({ keyPrefix, username, password, db, protocol, tls }: ClientOptions): object {
  return {
    ...(tls && { socket: { tls: true, ...tls } }),
    RESP: protocol ?? RESP,
    ...(db !== undefined && { database: db }),
    ...(keyPrefix !== undefined && { keyPrefix }),
    ...(username && { username }),
    ...(password && { password }),
  }
}

/** As `pattern`, for a cluster. */
export function clusterPattern(
  cluster: Pick<PrivateCluster, 'startupNodes'>,
  options: ClusterClientOptions = {},
): Cluster {
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
  if (driver === 'ioredis5') return new ioredis5.Cluster(nodes, settings) as unknown as Cluster
  if (driver === 'ioredis') return new Cluster(nodes, settings)
  const { keyPrefix, natMap } = options
  // With the strategy that penknife sets and addresses that are no part of the options' JSON, node-redis uses the class of its last
  // clients again.
  const address = typeof natMap === 'function' ? natMap : (name: string) => natMap?.[name]
  const defaults = nodeRedisOptions({ ...options.redisOptions }) as { readonly socket?: object }
  // Its types name a map of addresses differently.
  const own: object = {
    rootNodes: nodes.map((socket) => ({ socket })),
    defaults: { ...defaults, socket: { ...defaults.socket, reconnectStrategy: false } },
    ...(keyPrefix !== undefined && { keyPrefix }),
    ...(natMap && { nodeAddressMap: address }),
  }
  const made: unknown = clusterOf(libraryOf(driver)).duplicate(own)
  return made as Cluster
}

type NodeRedisClient = ReturnType<typeof NodeRedis.createClient>
type NodeRedisCluster = ReturnType<typeof NodeRedis.createCluster>
const clients = new Map<unknown, NodeRedisClient[]>()
const clusters = new Map<unknown, NodeRedisCluster>()

/** A client to duplicate: node-redis makes a class with all commands for each that it creates, in 50 ms. */
function clientOf(library: typeof NodeRedis, protocol: 2 | 3): NodeRedisClient {
  const made = clients.get(library) ?? []
  clients.set(library, made)
  return (made[protocol] ??= library.createClient({ RESP: protocol }) as NodeRedisClient)
}

/** The same for a cluster. */
function clusterOf(library: typeof NodeRedis): NodeRedisCluster {
  const made = clusters.get(library) ?? library.createCluster({ rootNodes: [] })
  clusters.set(library, made)
  return made
}

/** As `pattern`, for the master that Sentinel names. */
export function sentinelPattern(sentinels: Pick<PrivateSentinels, 'addresses' | 'name'>): Redis {
  return sentinelPatternOf(DRIVER, sentinels)
}

/** As `patternOf`, for the master that Sentinel names. */
export function sentinelPatternOf(
  driver: DriverName,
  { addresses, name }: Pick<PrivateSentinels, 'addresses' | 'name'>,
  options: ClientOptions = {},
): Redis {
  const settings: object = { protocol: RESP, ...options, sentinels: [...addresses], name, lazyConnect: true }
  if (driver === 'ioredis5') return new ioredis5.Redis(settings) as unknown as Redis
  if (driver === 'ioredis') return new Redis(settings)
  const { keyPrefix, ...others } = options
  const made: unknown = libraryOf(driver).createSentinel({
    name,
    sentinelRootNodes: [...addresses],
    nodeClientOptions: nodeRedisOptions(others),
    ...(keyPrefix !== undefined && { keyPrefix }),
  } as object as Parameters<typeof NodeRedis.createSentinel>[0])
  return made as Redis
}
