import type { Redis } from 'ioredis'

/** Milliseconds of processor that a server's main thread has used so far: on a busy machine it also waits for a core. */
export async function computedMs(redis: Redis): Promise<number> {
  const info = await redis.info('cpu')
  const used = [...info.matchAll(/used_cpu_(?:sys|user)_main_thread:([\d.]+)/g)]
  return used.reduce((sum, [, seconds]) => sum + Number(seconds) * 1000, 0)
}
