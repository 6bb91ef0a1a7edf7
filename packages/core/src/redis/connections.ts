import type { Cluster, ClusterOptions, Redis, RedisOptions } from 'ioredis'

import { invalid } from '../errors.ts'
import { backoff } from './backoff.ts'
import type { Roster } from './roster.ts'

/** What `connect` takes: the application's own ioredis connection, used as the pattern for penknife's. */
export type Connection = Redis | Cluster

/** Why a connection is made; becomes part of its name in CLIENT LIST. */
export type Purpose = 'commands' | 'durable' | 'subscriber' | 'reader'

export interface Connections {
  readonly cluster: boolean
  readonly keyPrefix: string
  readonly db: number
  /** A connection of penknife's own, with the host, TLS, db, user and password of the given one. */
  open(purpose: Purpose): Connection
  /** The owner of a slot as an open cluster connection knows it; undefined while it knows none. */
  owner(cluster: Cluster, slot: number, purpose: Purpose): Owner | undefined
  /** A connection to the node `host:port` of a cluster, with the settings of those to the others. */
  openNode(cluster: Cluster, node: string, purpose: Purpose): Redis | undefined
}

/** The master that has a slot now, and how to open a connection of one's own to it. */
export interface Owner {
  readonly node: string
  open(): Redis
}

/**
 * Settings of every connection, whatever the given one has:
 *
 * - nothing is queued or sent again by ioredis: what was not sent and what has an unknown fate is told apart
 *   and handled by the runner;
 * - a socket that stays silent while replies are due is given up, so that a dead peer is noticed (silence.ts);
 * - no strategy ever gives up: a Redis that was away is used again once it is there.
 *
 * What says where Redis is, who logs in and how the network is used is inherited.
 */
const SETTINGS: Partial<RedisOptions> = {
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  maxRetriesPerRequest: 0,
  enableAutoPipelining: false,
  lazyConnect: false,
  keyPrefix: '',
  stringNumbers: false,
  replyMapping: 'legacy',
  role: 'master',
  readOnly: false,
  connectTimeout: 5000,
  disconnectTimeout: 2000,
  // How long after a server loaded its data it may take to notice.
  maxLoadingRetryTime: 1000,
  monitor: false,
  himportFieldsets: undefined,
  retryStrategy: backoff,
  sentinelRetryStrategy: backoff,
  sentinelReconnectStrategy: () => 10_000,
  reconnectOnError: null,
  // Penknife's own deadlines end a call; ioredis' would leave its fate open.
  commandTimeout: undefined,
  blockingTimeout: undefined,
  socketTimeout: undefined,
}

/** As `SETTINGS`, of a cluster as a whole. */
const CLUSTER_SETTINGS: Partial<ClusterOptions> = {
  // So that a command redirected to a node that is still connecting waits; it counts as sent.
  enableOfflineQueue: true,
  enableAutoPipelining: false,
  keyPrefix: '',
  lazyConnect: false,
  scaleReads: 'master',
  shardedSubscribers: false,
  himportFieldsets: undefined,
  maxRedirections: 16,
  retryDelayOnMoved: 0,
  retryDelayOnTryAgain: 100,
  // Zero: a command whose connection broke is not sent again.
  retryDelayOnFailover: 0,
  retryDelayOnClusterDown: 0,
  slotsRefreshTimeout: 1000,
  clusterRetryStrategy: backoff,
  // A node that is lost is looked up again, instead of waited for at its old place.
  clusterNodeRetryStrategy: null,
}

/** A sentinel that does not answer is left for the next one. */
const SENTINEL_TIMEOUT_MS = 2000

const SILENCE_MS = 5000

/** The longest blocking read or WAIT; the sockets of their connections may be silent for that long. */
export const BLOCK_MS = 5000

export function createConnections(given: Connection, roster: Roster): Connections {
  const pattern = given.isCluster ? (given as Cluster).options.redisOptions : (given as Redis).options
  const keyPrefix = given.options.keyPrefix ?? pattern?.keyPrefix ?? ''
  if (/[{}]/.test(keyPrefix)) {
    throw invalid(
      'keyPrefix',
      keyPrefix,
      'penknife places keys by a hash tag of its own; use a prefix without braces',
    )
  }
  const settings = (purpose: Purpose): object =>
    Object.assign({}, SETTINGS, {
      connectionName: `penknife-${purpose}`,
      sentinelCommandTimeout: pattern?.sentinelCommandTimeout ?? SENTINEL_TIMEOUT_MS,
    })

  function own<C extends Connection>(connection: C, purpose: Purpose): C {
    const waits = purpose === 'reader' || purpose === 'durable'
    roster.add(connection, purpose, waits ? BLOCK_MS + SILENCE_MS : SILENCE_MS)
    // ioredis prints errors that nobody listens to; who owns the connection learns of them from its `close`.
    connection.on('error', (error: Error & { command?: { name: string } }) => {
      // ioredis would go on in database 0.
      if (error.command?.name === 'select') connection.disconnect(true)
    })
    return connection
  }

  return {
    cluster: given.isCluster,
    keyPrefix,
    db: given.isCluster ? 0 : ((given as Redis).options.db ?? 0),
    open(purpose) {
      if (!given.isCluster) return own((given as Redis).duplicate(settings(purpose)), purpose)
      // A cluster's connections do not reconnect by themselves: the cluster makes new ones.
      // They connect at the first command: ioredis refuses commands to a node that is connecting by itself, its
      // own check of a cluster that announces other addresses than it was given included.
      const redisOptions: object = {
        ...pattern,
        ...settings(purpose),
        retryStrategy: null,
        lazyConnect: true,
      }
      return own(
        (given as Cluster).duplicate([], {
          ...CLUSTER_SETTINGS,
          redisOptions,
        }),
        purpose,
      )
    },
    owner(cluster, slot, purpose) {
      const node = cluster.slots[slot]?.[0]
      const master =
        node && cluster.nodes('master').find(({ options }) => `${options.host}:${options.port}` === node)
      if (!master) return undefined
      return {
        node,
        open: () => own(master.duplicate({ ...settings(purpose), readOnly: false }), purpose),
      }
    },
    openNode(cluster, node, purpose) {
      const [like] = cluster.nodes('master')
      const colon = node.lastIndexOf(':')
      const address = { host: node.slice(0, colon), port: Number(node.slice(colon + 1)) }
      return like && own(like.duplicate({ ...settings(purpose), readOnly: false, ...address }), purpose)
    },
  }
}
