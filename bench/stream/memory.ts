import { setTimeout as delay } from 'node:timers/promises'

import type { Redis } from 'ioredis'

import type { Probe, Series } from '../harness/bench.ts'
import type { Library } from '../harness/library.ts'
import { garbageCollector } from '../harness/measure.ts'
import { bullmq } from './bullmq.ts'
import { fill } from './contenders.ts'
import { ours } from './ours.ts'
import { onEmpty, PROBED } from './probes.ts'
import { jobOf, type OpenQueue, type Queue } from './queue.ts'

const WAITING = [1000, 100_000]
const PROCESSED = 20_000

interface Contender {
  readonly name: string
  readonly queue: Queue
  readonly library: Library
}

export const memory: Probe = {
  name: 'stream.memory',
  about: "memory of a job: of Redis while it waits, of the client's heap after it ended",
  figures: [
    { id: 'bytes', heading: 'bytes a job', better: 'less' },
    { id: 'jobs', heading: 'jobs' },
  ],
  async run(url, { rounds, quick, libraries, log }) {
    const [thisBuild] = libraries as readonly [Library]
    const builds = libraries.map((library) => ({ name: library.name, queue: ours, library }))
    const peers = (queues: readonly Queue[]): Contender[] =>
      queues
        .filter((queue) => queue !== ours)
        .map((queue) => ({ name: queue.name, queue, library: thisBuild }))
    const of = (count: number): number => (quick ? count / 5 : count)
    const series: Series[] = []
    for (const count of WAITING) {
      series.push(
        ...(await measured(
          `Redis, ${count} waiting`,
          of(count),
          [...builds, ...peers(PROBED)],
          rounds,
          (who) => {
            log(`stream.memory: ${who.name}, ${of(count)} waiting`)
            return onEmpty(url, who.queue, (open, control) => waiting(open, control, of(count)), who.library)
          },
        )),
      )
    }
    const clients = [...builds, ...peers([bullmq[0] as Queue])]
    const count = of(PROCESSED)
    const after = await measured('heap, processed', count, clients, rounds, (who) => {
      log(`stream.memory: ${who.name}, ${count} processed`)
      return onEmpty(url, who.queue, (open) => processed(open, count), who.library)
    })
    return [...series, ...after]
  },
}

/** Each contender in each round, one after the other. */
async function measured(
  what: string,
  jobs: number,
  contenders: readonly Contender[],
  rounds: number,
  bytesOf: (contender: Contender) => Promise<number>,
): Promise<Series[]> {
  const found = contenders.map((): number[] => [])
  for (let round = 0; round < rounds; round++)
    for (const [at, contender] of contenders.entries()) found[at]?.push((await bytesOf(contender)) / jobs)
  return contenders.map(({ name, queue: { setup } }, at) => ({
    case: what,
    name,
    setup,
    ours: at === 0,
    values: { bytes: found[at] ?? [], jobs: [jobs] },
  }))
}

async function waiting(open: OpenQueue, control: Redis, count: number): Promise<number> {
  const used = async (): Promise<number> =>
    Number(/used_memory:(\d+)/.exec(await control.info('memory'))?.[1])
  await open.add(jobOf(0))
  const before = await used()
  await fill(open, count)
  return (await used()) - before
}

const collect = garbageCollector()

/** Bytes of the heap that are reachable. */
async function heap(): Promise<number> {
  for (let times = 0; times < 3; times++) {
    collect()
    await delay(10)
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

async function reached(count: () => number, wanted: number): Promise<void> {
  for (;;) {
    if (count() >= wanted) return
    await delay(10)
  }
}

/** The heap that jobs leave which ended. */
async function processed(open: OpenQueue, count: number): Promise<number> {
  let ended = 0
  const stop = await open.work(
    100,
    () => {},
    () => void (ended += 1),
  )
  const warm = count / 5
  await fill(open, warm)
  await reached(() => ended, warm)
  const before = await heap()
  await fill(open, count)
  await reached(() => ended, warm + count)
  const bytes = (await heap()) - before
  await stop()
  return bytes
}
