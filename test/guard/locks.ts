import { createLock, type HeldLock, type Lock, type LockOptions, type Penknife } from '@penknife/core'

import { openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

/** The keys of the lock 'orders' in the space 'shop'. */
export const LOCK = 'pk1:{shop}:lock:orders:a'
export const QUEUE = 'pk1:{shop}:lock-queue:orders:a'
export const CHANNEL = 'pk1:{shop}:lock-process:orders::live'

/** The locks of a test file. */
export function useLocks() {
  const bench = useRedis()
  const penknifeOf = (): Promise<Penknife> => openReady(pattern(bench.server.url))
  return {
    bench,
    penknifeOf,
    /** A lock of a process of its own. */
    open: async (options: LockOptions = {}): Promise<Lock> =>
      createLock((await penknifeOf()).space('shop'), 'orders', options),
    /** When the lease of the lock ends in Redis, in microseconds. */
    leaseEnd: async (): Promise<number> => Number((await bench.raw.get(LOCK))?.split(' ')[0]),
    waiting: (count: number, queue: string = QUEUE): Promise<void> =>
      until(`${count} wait`, async () => (await bench.raw.zcard(queue)) === count),
  }
}

export async function take(lock: Lock, keys: string | string[] = 'a'): Promise<HeldLock> {
  const held = await lock.acquire(keys)
  if (!held) throw new Error('not acquired')
  return held
}
