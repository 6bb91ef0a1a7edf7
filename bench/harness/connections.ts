import { once } from 'node:events'

import { Redis } from 'ioredis'

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
