import type { Cluster, ClusterOptions, Redis, RedisOptions } from 'ioredis'

import { invalid } from '../../errors.ts'
import { backoff } from '../backoff.ts'
import type { Driver, Link, ConnectionPurpose, Topology } from '../driver.ts'
import type { Roster } from '../roster.ts'
import type { Connection } from './connection.ts'
import { linkOver, own } from './line.ts'
import { createTopology } from './topology.ts'

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

/** Opens connections like the given one: with its host, TLS, db, user and password. */
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
    // A cluster's connections do not reconnect by themselves: the cluster makes new ones.
    // They connect at the first command: ioredis refuses commands to a node that is connecting by itself, its
    // own check of a cluster that announces other addresses than it was given included.
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
