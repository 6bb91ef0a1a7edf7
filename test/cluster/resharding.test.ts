import {
  createLeaderboard,
  createNotifier,
  createStream,
  type PenknifeError,
  record,
  type Space,
} from '@penknife/core'
import type { Redis } from 'ioredis'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'

import { openReady } from '../support/connect.ts'
import { counters } from '../support/counters.ts'
import { clusterPattern, useCluster } from '../support/redis.ts'
import { addMaster, moveSlot, moveSlotTo } from '../support/slots.ts'
import { spacesOnAll } from '../support/spaces.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

const bench = useCluster()

/** What became of calls made all the time, each after the one before. */
interface Load {
  readonly done: number
  readonly errors: readonly PenknifeError[]
  stop(): Promise<void>
}

function keepCalling(call: (nth: number) => Promise<unknown>): Load {
  let done = 0
  const stopping = new AbortController()
  onTestFinished(() => stopping.abort())
  const errors: PenknifeError[] = []
  async function run(): Promise<void> {
    for (let nth = 0; !stopping.signal.aborted; nth++) {
      try {
        await call(nth)
        done += 1
        // As fast as it can, the load took a core.
        await delay(4)
      } catch (error) {
        errors.push(error as PenknifeError)
      }
    }
  }
  const running = run()
  return {
    get done() {
      return done
    },
    errors,
    async stop() {
      stopping.abort()
      await running
    },
  }
}

/** Makes all kinds of writes in a space, and checks them after the slot was moved. */
function loadOf(
  space: Space,
  deadlineMs: number,
): { readonly loads: readonly Load[]; readonly check: () => Promise<void> } {
  const board = createLeaderboard(space, 'points')
  const windows = createLeaderboard(space, 'windows', { windows: { all: 'all-time', hour: { last: '1h' } } })
  const stream = createStream<number>(space, 'orders', { groups: ['billing'] })
  const notifier = createNotifier(space, 'main')
  const handled = new Set<string>()
  const added = new Set<string>()
  startWorker(stream, 'billing', ({ id }) => void handled.add(id))
  const increments = keepCalling((nth) => board.increment(`m${nth % 5}`))
  const updates = keepCalling((nth) => windows.increment(`m${nth % 5}`))
  const adds = keepCalling(async (nth) => added.add(await stream.add(nth)))
  const onces = keepCalling(async (nth) => added.add(await stream.add(nth, { id: `k${nth}` })))
  const publishes = keepCalling((nth) => notifier.publish(`room${nth % 5}`, nth))
  const count = counters(space, deadlineMs)
  const counts = keepCalling((nth) => count(`c${nth % 100}`))
  const jobs = createStream<number>(space, 'jobs', { groups: ['work'] })
  const recorded = createLeaderboard(space, 'recorded')
  const committed = createLeaderboard(space, 'committed')
  const records = keepCalling((nth) => record(space, jobs.adding(nth), recorded.incrementing(`m${nth % 5}`)))
  startWorker(
    jobs,
    'work',
    (delivery) => delivery.commit(committed.incrementing(`m${delivery.payload % 5}`)),
    { connection: 'shared' },
  )
  const loads = [increments, updates, adds, onces, publishes, counts, records]
  async function check(): Promise<void> {
    await until('all entries are handled', () => [...added].every((id) => handled.has(id)))
    const sum = (rows: readonly { readonly score: number }[]): number =>
      rows.reduce((all, { score }) => all + score, 0)
    expectDone(sum(await board.top()), increments)
    expectDone(sum(await windows.top()), updates)
    const jobsMade = sum(await recorded.top())
    expectDone(jobsMade, records)
    await until('each job is committed, once', async () => sum(await committed.top()) >= jobsMade)
    expect(sum(await committed.top())).toBe(jobsMade)
    expect(added.size).toBe(adds.done + onces.done)
    expectDone(handled.size, adds, onces)
    const counted = await Promise.all(Array.from({ length: 100 }, (_, at) => count(`c${at}`)))
    expectDone(
      counted.reduce((all, value) => all + value - 1, 0),
      counts,
    )
  }
  return { loads, check }
}

/** Every confirmed call was done once. Of the failed calls only those with an unknown fate may have been done. */
function expectDone(times: number, ...loads: readonly Load[]): void {
  const done = loads.reduce((all, load) => all + load.done, 0)
  const unknown = loads.flatMap(({ errors }) => errors).filter(({ fate }) => fate === 'unknown').length
  expect(times).toBeGreaterThanOrEqual(done)
  expect(times).toBeLessThanOrEqual(done + unknown)
}

interface Moving {
  readonly space: Space
  readonly slot: number
  readonly loads: readonly Load[]
  readonly check: () => Promise<void>
  /** Stops the load; the errors of its calls. */
  stop(): Promise<readonly PenknifeError[]>
}

/** A space on the first master, whose keys are many and are written all the time. */
async function underLoad(deadline: number): Promise<Moving> {
  const penknife = await openReady(clusterPattern(bench.cluster), { deadline })
  const [space] = spacesOnAll(penknife) as [Space]
  const { loads, check } = loadOf(space, deadline)
  await until('there is load', () => loads.every(({ done }) => done > 100))
  return {
    space,
    slot: space.runtime.keys.route.slot,
    loads,
    check,
    async stop() {
      await Promise.all(loads.map(async (load) => load.stop()))
      return loads.flatMap(({ errors }) => errors)
    },
  }
}

async function goesOn({ loads }: Moving): Promise<void> {
  const before = loads.map(({ done }) => done)
  await until('all goes on', () => loads.every(({ done }, at) => done > (before[at] as number) + 20))
}

test('while a slot moves key by key, calls wait for it within their deadline: each is done, and done once', async () => {
  const moving = await underLoad(20_000)
  const between = (): Promise<void> => delay(4)
  onTestFinished(() => moveSlot(bench.cluster, bench.raws, moving.slot, 1, 0))
  await moveSlot(bench.cluster, bench.raws, moving.slot, 0, 1, { steps: 250, between })
  await goesOn(moving)
  expect(await moving.stop()).toEqual([])
  await moving.check()
}, 60_000)

test('calls whose deadline ends while the slot moves fail as not done', async () => {
  const moving = await underLoad(150)
  const { loads } = moving
  const between = (): Promise<void> => delay(4)
  onTestFinished(() => moveSlot(bench.cluster, bench.raws, moving.slot, 1, 0))
  await moveSlot(bench.cluster, bench.raws, moving.slot, 0, 1, { steps: 250, between })
  await goesOn(moving)
  const errors = await moving.stop()
  expect(errors.length).toBeGreaterThan(loads.length)
  const refused = errors.filter(({ code }) => code === 'PENKNIFE_UNAVAILABLE')
  expect(refused.filter(({ fate }) => fate !== 'not-done')).toEqual([])
  // On a slow machine the deadlines of some end while they are on their way.
  expect(refused.length).toBeGreaterThan(errors.length / 2)
  expect(refused[0]?.message).toMatch(/slot was being moved.*(TRYAGAIN|ASK|MOVED)/)
  await moving.check()
}, 60_000)

test('a slot that moves to a master without slots is served there', async () => {
  const moving = await underLoad(20_000)
  const target = await addMaster(bench.cluster, bench.raws)
  const [source, ...others] = bench.raws as [Redis, ...Redis[]]
  const between = (): Promise<void> => delay(4)
  const back = { raw: source, ...bench.cluster.nodes[0]! }
  onTestFinished(() => moveSlotTo(back, target.raw, others, moving.slot))
  await moveSlotTo(target, source, others, moving.slot, { steps: 250, between })
  await goesOn(moving)
  expect(await moving.stop()).toEqual([])
  await moving.check()
}, 60_000)

test('a blocking reader fails while its slot moves, and then reads from the new master', async () => {
  const penknife = await openReady(clusterPattern(bench.cluster))
  const [{ runtime }] = spacesOnAll(penknife) as [Space]
  const { slot } = runtime.keys.route
  const reader = runtime.openReader(runtime.keys.route)
  onTestFinished(() => reader.close())
  await until('it is there', () => reader.ready)
  const [first, second] = ['a', 'b'].map((name) => runtime.keys.leaderboard(name)) as [string, string]
  await reader.call('mset', first, 1, second, 2)
  const [source] = bench.raws as [Redis]
  const refusals: unknown[] = []
  async function between(): Promise<void> {
    const left = (await source.call('CLUSTER', 'GETKEYSINSLOT', slot, 100)) as string[]
    if (refusals.length > 0 || left.length !== 1) return
    await until('it is there', () => reader.ready)
    refusals.push(await reader.call('mget', first, second).catch((error: unknown) => error))
  }
  onTestFinished(() => moveSlot(bench.cluster, bench.raws, slot, 1, 0))
  await moveSlot(bench.cluster, bench.raws, slot, 0, 1, { steps: 2, between })
  expect(refusals).toMatchObject([{ code: 'TRYAGAIN' }])
  const read = async (): Promise<unknown> => await reader.call('mget', first, second).catch(() => undefined)
  await until('the new master answers', async () => ((await read()) as string[] | undefined)?.[1] === '2')
})
