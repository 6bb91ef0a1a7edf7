import type { Cluster, ClusterOptions, Redis, RedisOptions } from 'ioredis'

import { invalid } from '../../errors.ts'
import { backoff } from '../backoff.ts'
import type { Driver, Link, ConnectionPurpose, Topology } from '../driver.ts'
import type { Roster } from '../roster.ts'
import type { Connection } from './connection.ts'
import { linkOver, own } from './line.ts'
import { createTopology } from './topology.ts'

/**
 * Settings of every connection. They replace those of the application's client:
 *
 * - ioredis queues nothing and sends nothing again. The runner distinguishes calls that were not sent from calls with an
 *   unknown fate, and handles both.
 * - A socket that stays silent while replies are due is closed, so that a dead peer is noticed (silence.ts).
 * - Reconnecting never ends: a Redis that was away is used again when it is back.
 *
 * Address, login and network settings are inherited from the application's client.
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
  // The longest delay until ioredis notices that the server has loaded its data.
  maxLoadingRetryTime: 1000,
  monitor: false,
  himportFieldsets: undefined,
  retryStrategy: backoff,
  sentinelRetryStrategy: backoff,
  sentinelReconnectStrategy: () => 10_000,
  reconnectOnError: null,
  // Penknife's own deadlines end a call. After a timeout of ioredis its fate would not be known.
  commandTimeout: undefined,
  blockingTimeout: undefined,
  socketTimeout: undefined,
}

/** As `SETTINGS`, for a cluster. */
const CLUSTER_SETTINGS: Partial<ClusterOptions> = {
  // A redirected command then waits for a node that is still connecting. It counts as sent.
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
  // A lost node is looked up again. Penknife does not wait for it at its old address.
  clusterNodeRetryStrategy: null,
}

/** A sentinel that does not answer within this time is skipped. */
const SENTINEL_TIMEOUT_MS = 2000

/** Opens connections with the host, TLS, db, user and password of the application's client. */
export function createIoredisDriver(given: Connection, roster: Roster): Driver {
  const pattern = given.isCluster ? (given as Cluster).options.redisOptions : (given as Redis).options
  const keyPrefix = given.options.keyPrefix ?? pattern?.keyPrefix ?? ''
  if (/[{}]/.test(keyPrefix)) {
    throw invalid(
      'keyPrefix',
      keyPrefix,
      'penknife places keys by a hash tag of its own; use a prefix without braces',
    )
  }
  const settings = (purpose: ConnectionPurpose): object =>
    Object.assign({}, SETTINGS, {
      connectionName: `penknife-${purpose}`,
      sentinelCommandTimeout: pattern?.sentinelCommandTimeout ?? SENTINEL_TIMEOUT_MS,
    })
  return given.isCluster
    ? { cluster: true, keyPrefix, db: 0, open: openCluster }
    : {
        cluster: false,
        keyPrefix,
        db: (given as Redis).options.db ?? 0,
        server: serverOf(given as Redis),
        open: (purpose) => openLink(given as Redis, purpose, {}),
      }

  function openLink(like: Redis, purpose: ConnectionPurpose, more: object): Link {
    const redis = like.duplicate({ ...settings(purpose), ...more })
    return own(linkOver(redis), redis, purpose, roster)
  }

  function openCluster(): Topology {
    // A cluster's connections do not reconnect by themselves: the cluster opens new ones. They connect at the first command,
    // because ioredis refuses commands to a node that is connecting by itself. It would even refuse its own check of a cluster
    // that announces other addresses than the configured ones.
    const redisOptions: object = {
      ...pattern,
      ...settings('commands'),
      retryStrategy: null,
      lazyConnect: true,
    }
    const cluster = (given as Cluster).duplicate([], { ...CLUSTER_SETTINGS, redisOptions })
    return own(createTopology(cluster, openLink), cluster, 'commands', roster)
  }
}

function serverOf({ options: { path, sentinels, name, host, port } }: Redis): string {
  return path ?? (sentinels ? `${name}` : `${host}:${port}`)
}
