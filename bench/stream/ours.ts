import { pattern } from '../harness/connections.ts'

import { coreOf } from '../harness/library.ts'
import type { Job, Queue } from './queue.ts'

/** One group, declared: a work queue. Every job is acknowledged, and would be retried. */
export const ours: Queue = oursOf('penknife')

/** As `ours`, whose jobs have one of so many keys: those of a key are handled in order. */
export function oursKeyed(keys: number): Queue {
  return oursOf('penknife', keys)
}

/** As `ours`, beside `oursKeyed`. */
export const oursPlain: Queue = oursOf('penknife without keys')

/** As `ours`, with workers that share connections. */
export const oursShared: Queue = oursOf('penknife, shared connections', 0, { shared: true })

/** As `ours`, whose jobs have two tags each; the index never drops one. */
export const oursTagged: Queue = oursOf('penknife with tags', 0, { tagged: true })

function oursOf(
  name: string,
  keys: number = 0,
  { shared = false, tagged = false }: { readonly shared?: boolean; readonly tagged?: boolean } = {},
): Queue {
  const keyOf = ({ at }: Job): string => `key-${at % keys}`
  return {
    name,
    setup: 'default',
    commands: ['evalsha', 'eval', 'xreadgroup'],
    async open(url, library) {
      const { connect, createStream } = await coreOf(library)
      const penknife = connect(pattern(url, library), {
        deadline: '30s',
        ...(shared ? { workerConnection: 'shared' } : {}),
      })
      const stream = createStream<Job>(penknife.space('bench'), 'jobs', {
        groups: ['workers'],
        ...(keys > 0 ? { order: 'key' } : {}),
        ...(tagged
          ? {
              tags: ({ at }) => ({ user: `user-${at % 1000}`, order: at }),
              tagged: { entries: 1_000_000 },
            }
          : {}),
      })
      return {
        add: (job) => (keys > 0 ? stream.add(job, { key: keyOf(job) }) : stream.add(job)),
        addLater: (job, delayMs) => stream.add(job, { delay: delayMs }),
        addMany: (all) => stream.addMany(all, keys > 0 ? { key: keyOf } : {}),
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
}
