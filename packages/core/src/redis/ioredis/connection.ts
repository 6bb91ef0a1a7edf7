import type { Cluster, Redis } from 'ioredis'

/** A connection of ioredis. */
export type Connection = Redis | Cluster
