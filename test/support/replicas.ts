import { Redis } from 'ioredis'
import { onTestFinished } from 'vitest'

import type { PrivateRedis } from '../../scripts/redis/server.ts'
import { ownRedis } from './redis.ts'
import { until } from './until.ts'

/** A master and its replica, for one test alone. */
export interface Pair {
  readonly master: PrivateRedis
  readonly replica: PrivateRedis
  /** A client to inspect the master. */
  readonly raw: Redis
}

export async function startPair(): Promise<Pair> {
  const master = await ownRedis({ args: ['--repl-diskless-sync-delay', '0'] })
  const replica = await ownRedis({ args: ['--replicaof', '127.0.0.1', String(master.port)] })
  const raw = new Redis(master.socket)
  onTestFinished(() => raw.disconnect())
  // Twice: the first write may have arrived with the copy, up to a second before Redis sends later writes to the
  // replica.
  const confirms = async (): Promise<boolean> =>
    (await raw.set('test:x', 1)) === 'OK' && (await raw.wait(1, 100)) === 1
  await until('the replica confirms', async () => (await confirms()) && (await confirms()))
  return { master, replica, raw }
}

export async function hasWaitAof(raw: Redis): Promise<boolean> {
  return ((await raw.call('COMMAND', 'INFO', 'WAITAOF')) as unknown[])[0] !== null
}
