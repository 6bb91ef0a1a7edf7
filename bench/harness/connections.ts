import { once } from 'node:events'

import { type Connection } from '@penknife/core'
import { Cluster, Redis } from 'ioredis'
import { createClient, createCluster } from 'redis'

import type { Library } from './library.ts'

/** The two common set-ups of ioredis for a peer. */
export const SETUPS = ['plain', 'autopipelined'] as const

export type Setup = (typeof SETUPS)[number]

export interface ConnectionOptions {
  readonly enableOfflineQueue?: boolean
}

/** Resolves when it is connected, because some peers need the offline queue off. */
export async function connection(url: string, setup: Setup, options: ConnectionOptions = {}): Promise<Redis> {
  const redis = new Redis(url, { ...options, enableAutoPipelining: setup === 'autopipelined' })
  await once(redis, 'ready')
  return redis
}

/** Not connected: penknife only copies its settings. */
export function pattern(url: string, { client }: Library): Connection {
  return client === 'ioredis' ? new Redis(url, { lazyConnect: true }) : createClient({ url })
}

/** The same for the cluster that the server at this address belongs to. */
export function clusterPattern(url: string, { client }: Library): Connection {
  if (client === 'ioredis') return new Cluster([url], { lazyConnect: true })
  return createCluster({ rootNodes: [{ url }] })
}

/** A connection of node-redis, which writes all commands of a tick at once by itself. */
// oxlint-disable-next-line typescript/explicit-function-return-type typescript/explicit-module-boundary-types -- it depends on every option
export async function nodeRedisConnection(url: string) {
  const client = createClient({ url })
  await client.connect()
  return client
}

/** The connections of a cluster. Resolves when they are ready. */
export async function clusterConnection(
  url: string,
  setup: Setup,
  options: ConnectionOptions = {},
): Promise<Cluster> {
  const cluster = new Cluster([url], { ...options, enableAutoPipelining: setup === 'autopipelined' })
  await once(cluster, 'ready')
  return cluster
}
