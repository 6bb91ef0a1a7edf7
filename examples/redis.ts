import { startRedis } from '../scripts/redis/server.ts'

/** The Redis that an example uses: the one of PENKNIFE_REDIS_URL, or a private one that ends with the program. */
export async function redisUrl(): Promise<string> {
  return process.env['PENKNIFE_REDIS_URL'] ?? (await startRedis({ persist: true })).url
}
