import { once } from 'node:events'

import { Cluster, Redis } from 'ioredis'

/** The two ways in which an application may have set up ioredis for a peer. */
export const SETUPS = ['plain', 'autopipelined'] as const

export type Setup = (typeof SETUPS)[number]

export interface ConnectionOptions {
  readonly enableOfflineQueue?: boolean
}

/** Connected when it resolves, as some peers want the offline queue off. */
export async function connection(url: string, setup: Setup, options: ConnectionOptions = {}): Promise<Redis> {
  const redis = new Redis(url, { ...options, enableAutoPipelining: setup === 'autopipelined' })
  await once(redis, 'ready')
  return redis
}

/** Not connected: only the pattern for penknife's own connections. */
export function pattern(url: string): Redis {
  return new Redis(url, { lazyConnect: true })
}

/** The same for the cluster that the server at this address belongs to. */
export function clusterPattern(url: string): Cluster {
  return new Cluster([url], { lazyConnect: true })
}

/** A cluster's connections, ready when it resolves. */
export async function clusterConnection(
  url: string,
  setup: Setup,
  options: ConnectionOptions = {},
): Promise<Cluster> {
  const cluster = new Cluster([url], { ...options, enableAutoPipelining: setup === 'autopipelined' })
  await once(cluster, 'ready')
  return cluster
}
