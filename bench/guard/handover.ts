import { setTimeout as delay } from 'node:timers/promises'

import { connect, createLock } from '@penknife/core'
import { Redis } from 'ioredis'
import { Mutex } from 'redis-semaphore'

import type { Probe, Series } from '../harness/bench.ts'
import { percentile } from '../harness/statistics.ts'
import { installed } from '../harness/versions.ts'

const WAITERS = [2, 10, 100]
const LEASE_MS = 10_000
/** How long the cost of waiting is measured. */
const IDLE_MS = 3000
/** The connections of the waiting callers, as if they were in several processes. */
const CLIENTS = 4

/** Waits for the lock. Resolves with a function that releases it. */
type Acquire = () => Promise<() => Promise<unknown>>

interface Contestant {
  readonly name: string
  /** The commands that it sends. Its scripts may call others. */
  readonly commands: readonly string[]
  open(url: string): Promise<{ readonly acquirers: readonly Acquire[]; close(): Promise<unknown> }>
}

const ours: Contestant = {
  name: 'penknife',
  commands: ['evalsha', 'eval'],
  async open(url) {
    const clients = Array.from({ length: CLIENTS }, () => connect(new Redis(url, { lazyConnect: true })))
    const acquirers = clients.map((client): Acquire => {
      const lock = createLock(client.space('bench'), 'orders', { lease: LEASE_MS, wait: '10m' })
      return async () => {
        const held = await lock.acquire('one')
        if (!held) throw new Error('the wait for the lock ended')
        return () => held.release()
      }
    })
    return { acquirers, close: () => Promise.all(clients.map((client) => client.close())) }
  },
}

const redisSemaphore: Contestant = {
  name: installed('redis-semaphore'),
  commands: ['set', 'evalsha', 'eval'],
  async open(url) {
    const clients = Array.from({ length: CLIENTS }, () => new Redis(url))
    const acquirers = clients.map((redis): Acquire => {
      return async () => {
        const mutex = new Mutex(redis, 'one', { lockTimeout: LEASE_MS, acquireTimeout: 600_000 })
        await mutex.acquire()
        return () => mutex.release()
      }
    })
    return { acquirers, close: async () => clients.forEach((client) => client.disconnect()) }
  },
}

/**
 * One lock, and callers that each take it once. Measures from the start of a release until the next caller has the
 * lock. With callers that take it again and again, an unfair lock would look better than it is.
 */
export const handover: Probe = {
  name: 'guard.handover',
  about: `from release to the next holder; ms, over ${CLIENTS} connections; medians of the rounds`,
  figures: [
    { id: 'p50Ms', heading: 'p50 ms', better: 'less' },
    { id: 'p99Ms', heading: 'p99 ms', better: 'less' },
    { id: 'commands', heading: 'commands a handover', better: 'less' },
    { id: 'waitingPerSecond', heading: 'commands a waiter and second', better: 'less' },
  ],
  async run(url, { rounds, quick, log }) {
    const control = new Redis(url)
    const series: Series[] = []
    for (const waiters of WAITERS) {
      for (const contestant of [ours, redisSemaphore]) {
        const all = { p50Ms: [], p99Ms: [], commands: [], waitingPerSecond: [] } as Record<string, number[]>
        for (let round = 0; round < rounds; round++) {
          log(`guard.handover: ${waiters} waiters, ${contestant.name}, round ${round + 1}`)
          const found = await measure(url, control, contestant, waiters, quick)
          for (const [id, value] of Object.entries(found)) all[id]?.push(value)
        }
        series.push({
          name: contestant.name,
          setup: `${waiters} waiters`,
          case: `${waiters} waiters`,
          ours: contestant === ours,
          values: all,
        })
      }
    }
    control.disconnect()
    return series
  },
}

async function measure(
  url: string,
  control: Redis,
  contestant: Contestant,
  waiters: number,
  quick: boolean,
): Promise<Record<string, number>> {
  await control.flushall('SYNC')
  const { acquirers, close } = await contestant.open(url)
  const latencies: number[] = []
  const counted = { commands: 0, handovers: 0, waiting: 0, seconds: 0 }
  // The same number of handovers for each number of waiters.
  for (let times = Math.ceil((quick ? 40 : 200) / waiters); times > 0; times--) {
    let release = await (acquirers[0] as Acquire)()
    let releasedAt = 0
    const turns = Array.from({ length: waiters }, async (_, at) => {
      const mine = await (acquirers[at % acquirers.length] as Acquire)()
      latencies.push(performance.now() - releasedAt)
      // The time for which a caller keeps the lock.
      await delay(1)
      releasedAt = performance.now()
      await mine()
    })
    await delay(300)
    if (counted.seconds === 0) {
      const before = await commandsOf(control, contestant)
      await delay(IDLE_MS)
      counted.waiting = (await commandsOf(control, contestant)) - before
      counted.seconds = IDLE_MS / 1000
    }
    const before = await commandsOf(control, contestant)
    releasedAt = performance.now()
    await release()
    await Promise.all(turns)
    counted.commands += (await commandsOf(control, contestant)) - before
    counted.handovers += waiters
    release = async () => {}
  }
  await close()
  const sorted = Float64Array.from(latencies).toSorted()
  return {
    p50Ms: percentile(sorted, 0.5),
    p99Ms: percentile(sorted, 0.99),
    commands: counted.commands / counted.handovers,
    waitingPerSecond: counted.waiting / counted.seconds / waiters,
  }
}

/** The number of commands that clients sent, counting only a contestant's own. */
async function commandsOf(control: Redis, { commands }: Contestant): Promise<number> {
  const stats = await control.info('commandstats')
  const calls = (command: string): number =>
    Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)
  return commands.reduce((sum, command) => sum + calls(command), 0)
}
