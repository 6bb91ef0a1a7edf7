import { Queue as BullQueue, Worker } from 'bullmq'
import { Redis } from 'ioredis'

import { SETUPS } from '../harness/connections.ts'
import { installed } from '../harness/versions.ts'
import type { Job, Queue } from './queue.ts'

const OPTIONS = { attempts: 3, removeOnComplete: true }

/**
 * Set up as in its guide for production: the worker's connection with `maxRetriesPerRequest: null`, finished jobs
 * removed (also its fastest setting), addBulk for many jobs, the worker's concurrency for parallel jobs.
 */
export const bullmq: readonly Queue[] = SETUPS.map((setup) => ({
  name: installed('bullmq'),
  setup,
  commands: ['evalsha', 'eval', 'bzpopmin', 'multi', 'exec'],
  async open(url) {
    const settings = { maxRetriesPerRequest: null, enableAutoPipelining: setup === 'autopipelined' }
    const producing = new Redis(url, settings)
    const queue = new BullQueue<Job>('bench', { connection: producing })
    await queue.waitUntilReady()
    return {
      add: (job) => queue.add('job', job, OPTIONS),
      addMany: (all) => queue.addBulk(all.map((data) => ({ name: 'job', data, opts: OPTIONS }))),
      async work(concurrency, handle, ended) {
        const connection = new Redis(url, settings)
        const worker = new Worker<Job>('bench', async ({ data }) => handle(data), {
          connection,
          concurrency,
          autorun: false,
        })
        worker.on('completed', ended)
        worker.on('error', console.error)
        await worker.waitUntilReady()
        void worker.run()
        return async () => {
          await worker.close()
          connection.disconnect()
        }
      },
      async close() {
        await queue.close()
        producing.disconnect()
      },
    }
  },
}))
