import { pattern } from '../harness/connections.ts'

import { coreOf } from '../harness/library.ts'
import type { Job, Queue } from './queue.ts'

/** One group, declared: a work queue. Every job is acknowledged, and would be retried. */
export const ours: Queue = {
  name: 'penknife',
  setup: 'default',
  commands: ['evalsha', 'eval', 'xreadgroup'],
  async open(url, library) {
    const { connect, createStream } = await coreOf(library)
    const penknife = connect(pattern(url, library), { deadline: '30s' })
    const stream = createStream<Job>(penknife.space('bench'), 'jobs', { groups: ['workers'] })
    return {
      add: (job) => stream.add(job),
      addMany: (all) => stream.addMany(all),
      async work(concurrency, handle, ended) {
        const worker = stream.worker('workers', ({ payload }) => handle(payload), { concurrency })
        worker.on((event) => {
          if (event.kind === 'done') ended()
        })
        return () => worker.close()
      },
      async workInBatches(batch, handle, ended) {
        const worker = stream.batchWorker(
          'workers',
          (deliveries) => handle(deliveries.map(({ payload }) => payload)),
          { concurrency: 2, batch },
        )
        worker.on((event) => {
          if (event.kind === 'done') ended()
        })
        return () => worker.close()
      },
      close: () => penknife.close(),
    }
  },
}
