import type { Redis } from 'ioredis'

import { connection, SETUPS } from '../harness/connections.ts'
import type { Handle, Job, OpenQueue, Queue, StopWorker } from './queue.ts'

type Entries = readonly (readonly [string, readonly string[]])[]

/**
 * The most that Redis and ioredis allow: XADD; XREADGROUP, then XACK and XDEL of the read entries in one round trip.
 * No lease, no retry, no dead letter, no recovery.
 */
export const raw: readonly Queue[] = SETUPS.map((setup) => ({
  name: 'raw stream',
  setup,
  commands: ['xadd', 'xreadgroup', 'xack', 'xdel'],
  async open(url): Promise<OpenQueue> {
    const redis = await connection(url, setup)
    const workInBatches = (
      size: number,
      handle: (jobs: readonly Job[]) => void,
      ended: (count: number) => void,
    ): Promise<StopWorker> => work(redis, size, handle, ended)
    return {
      add: (job) => redis.xadd('jobs', '*', 'd', JSON.stringify(job)),
      async addMany(all) {
        const pipeline = redis.pipeline()
        for (const job of all) pipeline.xadd('jobs', '*', 'd', JSON.stringify(job))
        await pipeline.exec()
      },
      work: (concurrency, handle: Handle, ended) =>
        workInBatches(
          concurrency,
          (all) => all.forEach(handle),
          (count) => {
            for (let at = 0; at < count; at++) ended()
          },
        ),
      workInBatches,
      async close() {
        redis.disconnect()
      },
    }
  },
}))

async function work(
  redis: Redis,
  count: number,
  handle: (jobs: readonly Job[]) => void,
  ended: (count: number) => void,
): Promise<StopWorker> {
  await redis.xgroup('CREATE', 'jobs', 'workers', '0', 'MKSTREAM').catch(() => {})
  const reader = redis.duplicate({ enableAutoPipelining: false })
  const stopping = new AbortController()
  const loop = (async () => {
    while (!stopping.signal.aborted) {
      const reply = (await reader.xreadgroup(
        'GROUP',
        'workers',
        'w',
        'COUNT',
        count,
        'BLOCK',
        5000,
        'STREAMS',
        'jobs',
        '>',
      )) as [string, Entries][] | null
      const entries = reply?.[0]?.[1] ?? []
      if (entries.length === 0) continue
      handle(entries.map(([, fields]) => JSON.parse(fields[1] as string) as Job))
      const ids = entries.map(([id]) => id)
      await redis
        .pipeline()
        .xack('jobs', 'workers', ...ids)
        .xdel('jobs', ...ids)
        .exec()
      ended(ids.length)
    }
  })().catch((error: unknown) => {
    if (!stopping.signal.aborted) throw error
  })
  return async () => {
    stopping.abort()
    reader.disconnect()
    await loop
  }
}
