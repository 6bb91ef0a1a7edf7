import { setTimeout as delay } from 'node:timers/promises'

import type { Probe, Series } from '../harness/bench.ts'
import { percentile } from '../harness/statistics.ts'
import { bullmq } from './bullmq.ts'
import { createTally } from './contenders.ts'
import { ours, oursShared } from './ours.ts'
import { onEmpty, seriesOf } from './probes.ts'
import { jobOf, type OpenQueue, type Queue, type StopWorker } from './queue.ts'

const QUEUES: readonly Queue[] = [ours, bullmq[0] as Queue]

const SHORTEST_DELAY_MS = 500
const DELAYS_MS = 2000

export const delayed: Probe = {
  name: 'stream.delayed',
  about: `how late jobs start that were added with a delay of ${SHORTEST_DELAY_MS} to ${SHORTEST_DELAY_MS + DELAYS_MS} ms, concurrency 10; milliseconds`,
  figures: [
    { id: 'p50Ms', heading: 'p50 ms', better: 'less' },
    { id: 'p99Ms', heading: 'p99 ms', better: 'less' },
    { id: 'early', heading: 'too early', better: 'less' },
  ],
  async run(url, { rounds, quick, log }) {
    const count = quick ? 500 : 2000
    const series: Series[] = []
    for (const queue of QUEUES) {
      const found = { p50Ms: [] as number[], p99Ms: [] as number[], early: [] as number[] }
      for (let round = 1; round <= rounds; round++) {
        log(`stream.delayed: ${queue.name}, round ${round} of ${rounds}`)
        const late = await onEmpty(url, queue, (open) => lateness(open, count))
        found.p50Ms.push(percentile(late, 0.5))
        found.p99Ms.push(percentile(late, 0.99))
        found.early.push(late.filter((ms) => ms < 0).length)
      }
      series.push(seriesOf(queue, found))
    }
    return series
  },
}

/** From the time of the call of add and the delay to the handler's start. */
async function lateness(open: OpenQueue, count: number): Promise<Float64Array> {
  const due = new Float64Array(count)
  const late = new Float64Array(count)
  const tally = createTally(count)
  const stop = await open.work(
    10,
    (job) => {
      late[job.at] = performance.now() - (due[job.at] as number)
      tally.handle(job)
    },
    tally.ended,
  )
  await delay(200)
  for (let at = 0; at < count; at += 100) {
    const adding = Array.from({ length: Math.min(100, count - at) }, async (_, nth) => {
      const delayMs = SHORTEST_DELAY_MS + (((at + nth) * 7919) % DELAYS_MS)
      due[at + nth] = performance.now() + delayMs
      await open.addLater?.(jobOf(at + nth), delayMs)
    })
    await Promise.all(adding)
  }
  if ((await tally.all) !== count) throw new Error('a job was not handled exactly once')
  await stop()
  return late.toSorted()
}

const WORKERS = 300

export const connections: Probe = {
  name: 'stream.connections',
  about: `connections to Redis of a process with ${WORKERS} workers of one queue`,
  figures: [{ id: 'connections', heading: 'connections', better: 'less' }],
  async run(url, { log }) {
    const series: Series[] = []
    for (const queue of [ours, oursShared, bullmq[0] as Queue]) {
      log(`stream.connections: ${queue.name}`)
      series.push(
        await onEmpty(url, queue, async (open, control) => {
          const before = await clientsOf(control)
          const workers: StopWorker[] = []
          for (let at = 0; at < WORKERS; at++) {
            workers.push(
              await open.work(
                1,
                () => {},
                () => {},
              ),
            )
          }
          await delay(2000)
          // Those of the producer were there before.
          const found = (await clientsOf(control)) - before
          await Promise.all(workers.map((stop) => stop()))
          return seriesOf(queue, { connections: [found] })
        }),
      )
    }
    return series
  },
}

async function clientsOf(control: { info(section: string): Promise<string> }): Promise<number> {
  return Number(/connected_clients:(\d+)/.exec(await control.info('clients'))?.[1])
}
