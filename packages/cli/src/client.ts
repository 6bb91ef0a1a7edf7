import { Cluster, Redis, type RedisOptions } from 'ioredis'

import { EXIT, Failure } from './failure.ts'

/** Options that say where Redis is. */
export interface ClientOptions {
  readonly cluster?: boolean
  readonly sentinel?: string
  readonly master?: string
  readonly prefix?: string
}

const QUICK = { lazyConnect: true, maxRetriesPerRequest: 0, enableOfflineQueue: true, connectTimeout: 5000 }
const SENTINEL_PORT = 26_379
const MOST_SENTINELS = 20

/** A client of a server, of a cluster, or of the master that sentinels name. With sentinels the host of the URL is not used. */
export function clientOf(url: string, options: ClientOptions): Redis | Cluster {
  const { cluster = false, sentinel, master, prefix = '' } = options
  const path = url.startsWith('/')
  if (!path && (!URL.canParse(url) || !/^rediss?:\/\//.test(url))) {
    // The URL may contain a password.
    throw new Failure(
      EXIT.usage,
      "the URL of Redis is wrong: give one such as 'redis://user:password@host:6379/0'",
    )
  }
  const pathname = path ? '' : new URL(url).pathname
  if (!/^\/?\d*$/.test(pathname))
    throw new Failure(EXIT.usage, 'the database in the URL of Redis is wrong: give a number')
  if (sentinel !== undefined) {
    if (cluster || path)
      throw new Failure(EXIT.usage, 'give --sentinel without --cluster and without a socket')
    return new Redis({
      ...QUICK,
      ...secrets(url),
      keyPrefix: prefix,
      db: Number(pathname.slice(1) || 0),
      sentinels: sentinelsIn(sentinel),
      name: master ?? 'mymaster',
    })
  }
  if (master !== undefined)
    throw new Failure(EXIT.usage, 'give --sentinel too: the addresses of the Sentinels')
  if (!cluster || path) return new Redis(url, { ...QUICK, keyPrefix: prefix })
  const { hostname, port } = new URL(url)
  return new Cluster([{ host: hostname, port: Number(port || 6379) }], {
    keyPrefix: prefix,
    lazyConnect: true,
    redisOptions: { ...QUICK, ...secrets(url) },
  })
}

function secrets(url: string): Pick<RedisOptions, 'username' | 'password' | 'tls'> {
  const { username, password, protocol } = new URL(url)
  return {
    ...(username === '' ? {} : { username: decodeURIComponent(username) }),
    ...(password === '' ? {} : { password: decodeURIComponent(password) }),
    ...(protocol === 'rediss:' ? { tls: {} } : {}),
  }
}

function sentinelsIn(text: string): { host: string; port: number }[] {
  const all = text.split(',').map((each) => {
    // A URL, because an IPv6 address has colons.
    const parts = URL.canParse(`redis://${each}`) ? new URL(`redis://${each}`) : undefined
    const plain =
      parts && parts.hostname !== '' && `${parts.username}${parts.password}${parts.pathname}` === ''
    if (!plain) {
      throw new Failure(
        EXIT.usage,
        "--sentinel is wrong: give addresses such as 'sentinel-1:26379,sentinel-2:26379'",
      )
    }
    return { host: parts.hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(parts.port || SENTINEL_PORT) }
  })
  if (all.length > MOST_SENTINELS) {
    throw new Failure(EXIT.usage, `--sentinel has ${all.length} addresses: give at most ${MOST_SENTINELS}`)
  }
  return all
}
