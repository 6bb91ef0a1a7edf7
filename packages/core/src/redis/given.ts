import { isPromiseLike } from '../callbacks.ts'
import { invalid } from '../errors.ts'
import type { Driver } from './driver.ts'
import type { Connection as IoredisConnection } from './ioredis/connection.ts'
import { createIoredisDriver } from './ioredis/driver.ts'
import { isClient, OLDEST_NODE_REDIS } from './node-redis/client.ts'
import type { Cluster } from './node-redis/cluster.ts'
import { createClientDriver, createClusterDriver, createSentinelDriver } from './node-redis/driver.ts'
import type { Sentinel } from './node-redis/sentinel.ts'
import type { Roster } from './roster.ts'

/** What `connect` takes: the application's own client. Penknife copies its settings for connections of its own. */
export type Connection = IoredisClient | NodeRedisClient | NodeRedisCluster | NodeRedisSentinel

// These types do not import the client packages, because an application has only one of them.

/** `new Redis()` or `new Cluster()` of ioredis. */
export interface IoredisClient {
  readonly status: string
  readonly options: object
  readonly isCluster: boolean
  readonly duplicate: unknown
  readonly ssubscribe: unknown
}

/** `createClient()` of node-redis. */
export interface NodeRedisClient {
  readonly isOpen: boolean
  readonly isWatching: boolean
  readonly duplicate: unknown
  readonly sSubscribe: unknown
}

/** `createCluster()` of node-redis. */
export interface NodeRedisCluster {
  readonly isOpen: boolean
  readonly masters: readonly unknown[]
  readonly duplicate: unknown
  readonly nodeClient: unknown
}

/** `createSentinel()` of node-redis. */
export interface NodeRedisSentinel {
  readonly isOpen: boolean
  readonly duplicate: unknown
  readonly getMasterNode: unknown
}

/**
 * The driver for the client that `connect` got.
 *
 * @throws PENKNIFE_INVALID for anything else. The message says what the value seems to be, and what to give instead.
 */
export function driverOf(given: unknown, roster: Roster): Driver {
  if (isIoredis(given)) return createIoredisDriver(given, roster)
  if (isClient(given)) return createClientDriver(given, roster)
  if (isCluster(given)) return createClusterDriver(given, roster)
  if (isSentinel(given)) return createSentinelDriver(given, roster)
  const what = whatIs(given)
  const instead = 'give a client of ioredis, connect(new Redis()), or of node-redis, connect(createClient())'
  throw invalid('redis', given, `${instead}${what && `; this ${what}`}`)
}

function isIoredis(given: unknown): given is IoredisConnection {
  if (!isObject(given)) return false
  const { duplicate, status, options, ssubscribe } = given
  return [duplicate, ssubscribe].every(isFunction) && typeof status === 'string' && isObject(options)
}

function isCluster(given: unknown): given is Cluster {
  if (!isObject(given)) return false
  const { isOpen, masters, duplicate, nodeClient } = given
  return [duplicate, nodeClient].every(isFunction) && isBoolean(isOpen) && Array.isArray(masters)
}

function isSentinel(given: unknown): given is Sentinel {
  if (!isObject(given)) return false
  const { isOpen, duplicate, getMasterNode, _execute } = given
  return [duplicate, getMasterNode, _execute].every(isFunction) && isBoolean(isOpen)
}

/** Says what an unusable value seems to be. Empty if that is not clear. */
function whatIs(given: unknown): string {
  if (typeof given === 'string') return 'is a text; for a URL: connect(new Redis(url))'
  if (typeof given === 'function') return 'is a class or a function'
  if (!isObject(given)) return ''
  if (isPromiseLike(given)) return 'is a promise: await it first'
  if (isFunction(given['space'])) return 'is a penknife already: use it as it is'
  if (isBoolean(given['isOpen'])) {
    if (isFunction(given['getMasterNode'])) {
      return 'seems to be a Sentinel client of an old node-redis: for Sentinel penknife needs node-redis 6'
    }
    if (isFunction(given['sSubscribe'])) {
      return `seems to be a client of an old node-redis: penknife needs node-redis ${OLDEST_NODE_REDIS} or newer`
    }
    return 'seems to be a pool of node-redis: give what createClient(), createCluster() or createSentinel() returns'
  }
  if (isFunction(given['customCommand'])) return 'seems to be a client of Valkey GLIDE'
  if (typeof given['isPipeline'] === 'boolean') return 'is a pipeline of ioredis'
  if (isFunction(given['duplicate']) && typeof given['status'] === 'string') {
    return 'seems to be of an old ioredis: penknife needs ioredis 5.8 or newer'
  }
  const made = Object.getPrototypeOf(given) as { constructor?: { name?: unknown } } | null
  if (made === null || made === Object.prototype) return 'may be options: connect(new Redis(options))'
  const name = made.constructor?.name
  return typeof name === 'string' && name !== '' ? `is a ${name}` : ''
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function'
}

function isBoolean(value: unknown): boolean {
  return typeof value === 'boolean'
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
