import { Queue as BullQueue, Worker } from 'bullmq'
import { Redis } from 'ioredis'

import type { Contender, Peer } from '../harness/bench.ts'
import { pattern, SETUPS } from '../harness/connections.ts'
import { coreOf } from '../harness/library.ts'
import { installed } from '../harness/versions.ts'
import { createTally } from '../stream/contenders.ts'
import { type Job, jobs } from '../stream/queue.ts'

const CHUNK = 1000
const OPTIONS = { attempts: 3, removeOnComplete: true }

/** Finishes each job of a backlog and adds its follow-up. */
export function committing(concurrency: number): Contender {
  return {
    setup: 'default',
    commands: ['evalsha', 'eval', 'xreadgroup'],
    async open(url, ops, library) {
      const core = await coreOf(library)
      let end = async (): Promise<void> => {}
      let drain = async (): Promise<number> => 0
      return {
        expected: ops,
        async prepare() {
          const client = core.connect(pattern(url, library), { deadline: '30s' })
          const space = client.space('bench')
          const first = core.createStream<Job>(space, 'first', { groups: ['workers'] })
          const second = core.createStream<Job>(space, 'second', { groups: ['workers'] })
          for (let from = 0; from < ops; from += CHUNK)
            await first.addMany(jobs(Math.min(CHUNK, ops - from), from))
          drain = async () => {
            const tally = createTally(ops)
            const worker = first.worker(
              'workers',
              async (delivery) => {
                const answer = await delivery.commit(second.adding(delivery.payload))
                if (answer.ok && answer.done === 'now') tally.handle(delivery.payload)
                tally.ended()
              },
              { concurrency },
            )
            const sum = await tally.all
            await worker.close()
            return sum
          }
          end = () => client.close()
        },
        run: () => drain(),
        settle: () => end(),
        async close() {},
      }
    },
  }
}

/** BullMQ's finish, and one `add` of the follow-up before it. */
export function bullmq(concurrency: number): Peer {
  return {
    name: installed('bullmq'),
    setups: SETUPS.map((setup) => ({
      setup,
      commands: ['evalsha', 'eval', 'bzpopmin', 'multi', 'exec'],
      async open(url, ops) {
        let end = async (): Promise<void> => {}
        let drain = async (): Promise<number> => 0
        return {
          expected: ops,
          async prepare() {
            const settings = { maxRetriesPerRequest: null, enableAutoPipelining: setup === 'autopipelined' }
            const producing = new Redis(url, settings)
            const working = new Redis(url, settings)
            const [first, second] = ['first', 'second'].map(
              (name) => new BullQueue<Job>(name, { connection: producing }),
            ) as [BullQueue<Job>, BullQueue<Job>]
            await Promise.all([first.waitUntilReady(), second.waitUntilReady()])
            for (let from = 0; from < ops; from += CHUNK) {
              const some = jobs(Math.min(CHUNK, ops - from), from)
              await first.addBulk(some.map((data) => ({ name: 'job', data, opts: OPTIONS })))
            }
            drain = async () => {
              const tally = createTally(ops)
              const worker = new Worker<Job>(
                'first',
                async ({ data }) => {
                  await second.add('job', data, OPTIONS)
                  tally.handle(data)
                },
                { connection: working, concurrency, autorun: false },
              )
              worker.on('completed', tally.ended)
              await worker.waitUntilReady()
              void worker.run()
              const sum = await tally.all
              await worker.close()
              return sum
            }
            end = async () => {
              await Promise.all([first.close(), second.close()])
              producing.disconnect()
              working.disconnect()
            }
          },
          run: () => drain(),
          settle: () => end(),
          async close() {},
        }
      },
    })),
  }
}

/** The three commands alone, a hundred entries at a time. */
export const rawCommit: Peer = {
  name: 'raw XREADGROUP, XADD, XACK',
  setups: [
    {
      setup: 'autopipelined',
      commands: ['xreadgroup', 'xadd', 'xack', 'xdel'],
      async open(url, ops) {
        const redis = new Redis(url, { enableAutoPipelining: true })
        return {
          expected: ops,
          async prepare() {
            await redis.xgroup('CREATE', '{bench}:first', 'workers', '0', 'MKSTREAM')
            for (let from = 0; from < ops; from += CHUNK) {
              const some = jobs(Math.min(CHUNK, ops - from), from)
              await Promise.all(some.map((job) => redis.xadd('{bench}:first', '*', 'd', JSON.stringify(job))))
            }
          },
          async run() {
            for (let done = 0; done < ops;) {
              const read = (await redis.xreadgroup(
                'GROUP',
                'workers',
                'w',
                'COUNT',
                100,
                'STREAMS',
                '{bench}:first',
                '>',
              )) as [string, [string, string[]][]][]
              const entries = read[0]?.[1] ?? []
              await Promise.all(
                entries.flatMap(([id, [, payload = '']]) => [
                  redis.xadd('{bench}:second', '*', 'd', payload),
                  redis.xack('{bench}:first', 'workers', id),
                  redis.xdel('{bench}:first', id),
                ]),
              )
              done += entries.length
            }
            return ops
          },
          close: async () => redis.disconnect(),
        }
      },
    },
  ],
}
