import type { Cluster, Redis } from 'ioredis'

/** What penknife knows of an ioredis connection. */
export type Connection = Redis | Cluster
