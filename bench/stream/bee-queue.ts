import BeeQueue from 'bee-queue'

import { installed } from '../harness/versions.ts'
import type { Job, Queue } from './queue.ts'

/** Set up as in its guide for use without events: those settings off, and finished jobs removed. */
const SETTINGS = {
  getEvents: false,
  sendEvents: false,
  storeJobs: false,
  activateDelayedJobs: false,
  removeOnSuccess: true,
}

export const beeQueue: Queue = {
  name: installed('bee-queue'),
  setup: 'default',
  commands: ['evalsha', 'eval', 'brpoplpush', 'hget', 'lrem', 'srem', 'hdel', 'multi', 'exec'],
  async open(url) {
    const redis = { url }
    const queue = new BeeQueue<Job>('bench', { ...SETTINGS, redis, isWorker: false })
    await queue.ready()
    const made = (job: Job) => queue.createJob(job).retries(3)
    return {
      add: (job) => made(job).save(),
      async addMany(all) {
        const failed = await queue.saveAll(all.map(made))
        if (failed.size > 0) throw new Error('bee-queue did not save all jobs')
      },
      async work(concurrency, handle, ended) {
        const worker = new BeeQueue<Job>('bench', { ...SETTINGS, redis })
        await worker.ready()
        worker.on('succeeded', ended)
        worker.on('error', console.error)
        worker.process(concurrency, async ({ data }) => handle(data))
        return () => worker.close(1000)
      },
      close: () => queue.close(1000),
    }
  },
}
