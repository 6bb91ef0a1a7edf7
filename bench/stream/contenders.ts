import type { Contender, Peer } from '../harness/bench.ts'
import { beeQueue } from './bee-queue.ts'
import { bullmq } from './bullmq.ts'
import { groupmq, groupmqOf } from './groupmq.ts'
import { ours, oursKeyed, oursPlain } from './ours.ts'
import { jobOf, jobs, type OpenQueue, type Queue, type StopWorker } from './queue.ts'
import { raw } from './raw.ts'

/** Turns a queue into a case's contender. */
type Case = (queue: Queue) => Contender

/** Penknife, every peer in every set-up, and raw, in one case. */
export function contenders(of: Case): {
  readonly ours: Contender
  readonly peers: readonly Peer[]
  readonly raw: Peer
} {
  const peer = (queues: readonly Queue[]): Peer => ({ name: queues[0]?.name ?? '', setups: queues.map(of) })
  return { ours: of(ours), peers: [bullmq, groupmq, [beeQueue]].map(peer), raw: peer(raw) }
}

/** Order by key, with so many keys: groupmq, and penknife without keys. */
export function keyed(keys: number, of: Case): ReturnType<typeof contenders> {
  const setups = groupmqOf(keys)
  return {
    ours: of(oursKeyed(keys)),
    peers: [
      { name: setups[0]?.name ?? '', setups: setups.map(of) },
      { name: oursPlain.name, setups: [of(oursPlain)] },
    ],
    raw: { name: raw[0]?.name ?? '', setups: raw.map(of) },
  }
}

const described = ({ setup, commands }: Queue): Pick<Contender, 'setup' | 'commands'> => ({ setup, commands })

/** One job a call. */
export const adding: Case = (queue) => ({
  ...described(queue),
  async open(url, ops, library) {
    const open = await queue.open(url, library)
    return {
      expected: ops,
      async call(at) {
        await open.add(jobOf(at))
        return 1
      },
      close: () => open.close(),
    }
  },
})

const CHUNK = 1000

/** All jobs in calls of 1,000, one call after the other. */
export const addingMany: Case = (queue) => ({
  ...described(queue),
  async open(url, ops, library) {
    const open = await queue.open(url, library)
    return {
      expected: ops,
      async run() {
        for (let from = 0; from < ops; from += CHUNK)
          await open.addMany(jobs(Math.min(CHUNK, ops - from), from))
        return ops
      },
      close: () => open.close(),
    }
  },
})

/** A worker handles a backlog of all jobs, until the end of each is stored in Redis. */
export function draining(concurrency: number): Case {
  return drainingBy((open, tally) => open.work(concurrency, tally.handle, tally.ended))
}

/** As `draining`, with a batch handler if the library has one, otherwise with the same number of jobs at once. */
export function drainingInBatches(size: number): Case {
  return drainingBy(
    (open, tally) =>
      open.workInBatches?.(size, (all) => all.forEach(tally.handle), tally.ended) ??
      open.work(size, tally.handle, tally.ended),
  )
}

function drainingBy(start: (open: OpenQueue, tally: Tally) => Promise<StopWorker>): Case {
  return (queue) => ({
    ...described(queue),
    async open(url, ops, library) {
      // A new queue for each run, because a library may cache the state of a queue, and Redis is emptied before each
      // run.
      let open: OpenQueue
      let stop: StopWorker
      return {
        expected: ops,
        async prepare() {
          open = await queue.open(url, library)
          await fill(open, ops)
        },
        async run() {
          const tally = createTally(ops)
          stop = await start(open, tally)
          return tally.all
        },
        async settle() {
          await stop()
          await open.close()
        },
        async close() {},
      }
    },
  })
}

export async function fill(open: OpenQueue, count: number): Promise<void> {
  for (let from = 0; from < count; from += CHUNK)
    await open.addMany(jobs(Math.min(CHUNK, count - from), from))
}

export interface Tally {
  handle(job: { readonly at: number }): void
  ended(count?: unknown): void
  /** Resolves when every job has ended, with the number of jobs that were handled exactly once. */
  readonly all: Promise<number>
}

export function createTally(count: number): Tally {
  const times = new Uint8Array(count)
  let ended = 0
  let resolve: (once: number) => void
  const all = new Promise<number>((settle) => (resolve = settle))
  return {
    all,
    handle: ({ at }) => void (times[at] = (times[at] as number) + 1),
    ended(more) {
      ended += typeof more === 'number' ? more : 1
      if (ended >= count) resolve(times.reduce((once, each) => once + (each === 1 ? 1 : 0), 0))
    },
  }
}
