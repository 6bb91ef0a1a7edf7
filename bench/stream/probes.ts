import { setTimeout as delay } from 'node:timers/promises'

import { Redis } from 'ioredis'

import type { Probe, Series } from '../harness/bench.ts'
import { type Library, THIS_BUILD } from '../harness/library.ts'
import { percentile } from '../harness/statistics.ts'
import { beeQueue } from './bee-queue.ts'
import { bullmq } from './bullmq.ts'
import { createTally, fill } from './contenders.ts'
import { groupmq } from './groupmq.ts'
import { ours, oursShared } from './ours.ts'
import { jobOf, type OpenQueue, type Queue, type StopWorker } from './queue.ts'
import { raw } from './raw.ts'

/** One set-up of each, because autopipelining improves none of these figures. */
export const PROBED: readonly Queue[] = [
  ours,
  oursShared,
  ...[bullmq, groupmq, [beeQueue], raw].map((queues) => queues[0] as Queue),
]

export function seriesOf({ name, setup }: Queue, values: Series['values']): Series {
  return { name, setup, ours: name === ours.name, values }
}

/** Runs over a queue on an emptied Redis. */
export async function onEmpty<T>(
  url: string,
  queue: Queue,
  use: (open: OpenQueue, control: Redis) => Promise<T>,
  build: Library = THIS_BUILD,
): Promise<T> {
  const control = new Redis(url)
  try {
    await control.flushall('SYNC')
    const open = await queue.open(url, build)
    try {
      return await use(open, control)
    } finally {
      await open.close()
    }
  } finally {
    control.disconnect()
  }
}

const RATE = 1000

export const latency: Probe = {
  name: 'stream.latency',
  about: `from add to the handler's start at ${RATE} jobs a second, concurrency 10; milliseconds`,
  figures: [
    { id: 'p50Ms', heading: 'p50 ms', better: 'less' },
    { id: 'p99Ms', heading: 'p99 ms', better: 'less' },
  ],
  async run(url, { rounds, quick, log }) {
    const count = RATE * (quick ? 2 : 5)
    const found = PROBED.map(() => ({ p50: [] as number[], p99: [] as number[] }))
    for (let round = 1; round <= rounds; round++) {
      for (const [at, queue] of PROBED.entries()) {
        log(`stream.latency: ${queue.name}, round ${round} of ${rounds}`)
        const times = await onEmpty(url, queue, (open) => latencies(open, count))
        found[at]?.p50.push(percentile(times, 0.5))
        found[at]?.p99.push(percentile(times, 0.99))
      }
    }
    return PROBED.map((queue, at) =>
      seriesOf(queue, { p50Ms: found[at]?.p50 ?? [], p99Ms: found[at]?.p99 ?? [] }),
    )
  },
}

async function latencies(open: OpenQueue, count: number): Promise<Float64Array> {
  const added = new Float64Array(count)
  const times = new Float64Array(count)
  const tally = createTally(count)
  const stop = await open.work(
    10,
    (job) => {
      times[job.at] = performance.now() - (added[job.at] as number)
      tally.handle(job)
    },
    tally.ended,
  )
  await delay(200)
  const started = performance.now()
  const adding: Promise<unknown>[] = []
  while (adding.length < count) {
    const due = Math.min(count, Math.floor(((performance.now() - started) * RATE) / 1000))
    while (adding.length < due) {
      const at = adding.length
      added[at] = performance.now()
      adding.push(open.add(jobOf(at)))
    }
    await delay(1)
  }
  await Promise.all(adding)
  if ((await tally.all) !== count) throw new Error('a job was not handled exactly once')
  await stop()
  return times.toSorted()
}

const IDLE_WORKERS = 10

export const idle: Probe = {
  name: 'stream.idle',
  about: `Redis commands a second of one idle worker (of ${IDLE_WORKERS} of a process)`,
  figures: [
    { id: 'commandsPerSecond', heading: 'commands/s, with those inside scripts', better: 'less' },
    { id: 'sentPerSecond', heading: 'sent/s', better: 'less' },
  ],
  async run(url, { quick, log }) {
    const seconds = quick ? 10 : 30
    const series: Series[] = []
    for (const queue of PROBED) {
      log(`stream.idle: ${queue.name}, ${seconds} s`)
      series.push(
        await onEmpty(url, queue, async (open, control) => {
          const workers: StopWorker[] = []
          for (let at = 0; at < IDLE_WORKERS; at++) {
            workers.push(
              await open.work(
                10,
                () => {},
                () => {},
              ),
            )
          }
          await delay(2000)
          const monitor = await control.monitor()
          let [calls, sent] = [0, 0]
          monitor.on('monitor', (_time: string, _args: readonly string[], source: string) => {
            calls += 1
            if (source !== 'lua') sent += 1
          })
          await delay(seconds * 1000)
          monitor.disconnect()
          for (const stop of workers) await stop()
          const each = (count: number): number[] => [count / seconds / IDLE_WORKERS]
          return seriesOf(queue, { commandsPerSecond: each(calls), sentPerSecond: each(sent) })
        }),
      )
    }
    return series
  },
}

/** The number of timed jobs, for each backlog. */
const DRAINED = 100_000

export const backlog: Probe = {
  name: 'stream.backlog',
  about: 'jobs handled a second at concurrency 100 from a backlog of 1,000,000 against one of 10,000',
  figures: [
    { id: 'jobsPerSecond', heading: 'jobs/s', better: 'more' },
    { id: 'smallBacklogPerSecond', heading: 'jobs/s from a backlog of 10,000', better: 'more' },
    { id: 'backlog', heading: 'backlog' },
  ],
  async run(url, { rounds, quick, log }) {
    const [large, small] = [quick ? 100_000 : 1_000_000, 10_000]
    const drained = Math.min(DRAINED, large)
    const series: Series[] = []
    for (const queue of [ours, raw[0] as Queue]) {
      const found = { large: [] as number[], small: [] as number[] }
      for (let round = 1; round <= rounds; round++) {
        log(`stream.backlog: ${queue.name}, round ${round} of ${rounds}`)
        found.large.push(await drainRate(url, queue, large, drained))
        let seconds = 0
        for (let done = 0; done < drained; done += small) {
          seconds += small / (await drainRate(url, queue, small, small))
        }
        found.small.push(drained / seconds)
      }
      series.push(
        seriesOf(queue, {
          jobsPerSecond: found.large,
          smallBacklogPerSecond: found.small,
          backlog: [large],
        }),
      )
    }
    return series
  },
}

/** Jobs a second, from the first handled job to the last of `count`. */
function drainRate(url: string, queue: Queue, backlogged: number, count: number): Promise<number> {
  return onEmpty(url, queue, async (open) => {
    await fill(open, backlogged)
    let handled = 0
    let first = 0
    let done: (rate: number) => void
    const rate = new Promise<number>((resolve) => (done = resolve))
    const stop = await open.work(
      100,
      () => {
        handled += 1
        if (handled === 1) first = performance.now()
        if (handled === count) done((count - 1) / ((performance.now() - first) / 1000))
      },
      () => {},
    )
    const found = await rate
    await stop()
    return found
  })
}
