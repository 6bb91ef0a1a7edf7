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
    // Shared by all workers, as its documentation says; each has a blocking connection of its own too.
    let working: Redis | undefined
    return {
      addLater: (job, delayMs) => queue.add('job', job, { ...OPTIONS, delay: delayMs }),
      add: (job) => queue.add('job', job, OPTIONS),
      addMany: (all) => queue.addBulk(all.map((data) => ({ name: 'job', data, opts: OPTIONS }))),
      async work(concurrency, handle, ended) {
        const connection = (working ??= new Redis(url, settings))
        const worker = new Worker<Job>('bench', async ({ data }) => handle(data), {
          connection,
          concurrency,
          autorun: false,
        })
        worker.on('completed', ended)
        worker.on('error', console.error)
        await worker.waitUntilReady()
        void worker.run()
        return () => worker.close()
      },
      async close() {
        await queue.close()
        working?.disconnect()
        producing.disconnect()
      },
    }
  },
}))
