import { connect, type Penknife } from '@penknife/core'

/**
 * penknife on a connection of the package `ioredis`.
 *
 * @throws Error when that package is not installed.
 */
export async function connectTo(url: string): Promise<Penknife> {
  const { Redis } = await import('ioredis').catch((cause: unknown) => {
    const fix = "install 'ioredis', or give useTestRedis the option 'connect'"
    throw new Error(`@penknife/testing found no client for Redis: ${fix}`, { cause })
  })
  return connect(new Redis(url, { lazyConnect: true }))
}
