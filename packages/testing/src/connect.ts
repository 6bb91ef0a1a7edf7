import { connect, type Penknife } from '@penknife/core'

/**
 * penknife on a connection of the client library that is installed: the package `ioredis`, or else `redis`.
 *
 * @throws Error when neither is installed.
 */
export async function connectTo(url: string): Promise<Penknife> {
  const ioredis = await import('ioredis').catch(() => undefined)
  if (ioredis) return connect(new ioredis.Redis(url, { lazyConnect: true }))
  const { createClient } = await import('redis').catch((cause: unknown) => {
    const fix = "install 'ioredis' or 'redis', or give useTestRedis the option 'connect'"
    throw new Error(`@penknife/testing found no client for Redis: ${fix}`, { cause })
  })
  return connect(createClient({ url }))
}
