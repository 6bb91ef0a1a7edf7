import { Queue as GroupQueue, Worker } from 'groupmq'
import { Redis } from 'ioredis'

import { SETUPS } from '../harness/connections.ts'
import { installed } from '../harness/versions.ts'
import { addEach, type Job, type Queue } from './queue.ts'

/** Jobs of a group run one after the other. So there are enough groups that no job waits for another. */
const GROUPS = 1000

export const groupmq: readonly Queue[] = groupmqOf(GROUPS)

/**
 * With so many groups. Set up as in its guide, with its fastest ordering method (the default). Without `autoBatch`, which may lose
 * jobs according to its guide.
 */
export function groupmqOf(groups: number): readonly Queue[] {
  return SETUPS.map((setup) => ({
    name: installed('groupmq'),
    setup,
    commands: ['evalsha', 'eval', 'bzpopmin', 'hmget', 'hgetall', 'zadd', 'multi', 'exec'],
    async open(url) {
      const settings = { maxRetriesPerRequest: null, enableAutoPipelining: setup === 'autopipelined' }
      const redis = new Redis(url, settings)
      const queue = new GroupQueue<Job>({ redis, namespace: 'bench', maxAttempts: 3 })
      const add = (job: Job): Promise<unknown> =>
        queue.add({ groupId: `g${job.at % groups}`, data: job, maxAttempts: 3 })
      return {
        add,
        addMany: (all) => addEach(add, all),
        async work(concurrency, handle, ended) {
          const worker = new Worker<Job>({ queue, concurrency, handler: async ({ data }) => handle(data) })
          worker.on('completed', ended)
          worker.on('error', console.error)
          void worker.run()
          return () => worker.close()
        },
        async close() {
          await queue.close()
          redis.disconnect()
        },
      }
    },
  }))
}
