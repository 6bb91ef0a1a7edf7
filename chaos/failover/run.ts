import { setTimeout as delay } from 'node:timers/promises'

import { type Connection, connect, createStream, PenknifeError, type Stream } from '@penknife/core'

import { clusterPattern, sentinelPattern } from '../../scripts/redis/clients.ts'
import { type PrivateCluster, startCluster } from '../../scripts/redis/cluster.ts'
import { send } from '../../scripts/redis/resp.ts'
import { type PrivateSentinels, startSentinels } from '../../scripts/redis/sentinel.ts'
import type { PrivateRedis } from '../../scripts/redis/server.ts'

export interface FailoverOptions {
  readonly topology: 'sentinel' | 'cluster'
  /** What the confirmation of an add means. Default: Redis has it. */
  readonly durability?: 'replicated'
  /** How far the replicas were behind when their master died: asynchronous replication may lose those adds. */
  readonly lagMs: number
  /** Adds a second to each of two streams. Default: 1,000. */
  readonly perSecond?: number
}

export interface FailoverResult {
  /** Confirmed adds, and how many of them the new master does not have. */
  readonly confirmed: number
  readonly lost: number
  /** Lost although they were confirmed before the replica fell behind. Must be 0. */
  readonly lostBeforeLag: number
  /** Adds confirmed while the replica was behind. Only these may be lost. */
  readonly confirmedInLag: number
  readonly unknown: number
  /** Confirmed adds to the worker's stream that were neither handled nor lost with the master. */
  readonly unhandled: number
  readonly handledTwice: number
  /** The longest time without a confirmed add, and without a handled entry, in milliseconds. */
  readonly addsPausedMs: number
  readonly workPausedMs: number
}

interface Servers extends AsyncDisposable {
  /** A pattern for connect(). */
  open(): Connection
  /** The master of a slot, and its replicas. */
  of(slot: number): Promise<readonly [master: PrivateRedis, ...replicas: PrivateRedis[]]>
}

/** Kills a master under load. Measures what is lost, and how long producers and workers pause. */
export async function runFailover(options: FailoverOptions): Promise<FailoverResult> {
  const { topology, durability, lagMs, perSecond = 1000 } = options
  // After the failover there must be a replica that gets the later adds.
  const replicas = durability === undefined ? 1 : 2
  await using servers = topology === 'sentinel' ? await sentinels(replicas) : await cluster(replicas)
  const [producing, working] = [connect(servers.open()), connect(servers.open())]
  try {
    const space = producing.space('shop')
    const safe = durability === undefined ? {} : { durability }
    const kept = createStream<number>(space, 'kept', { retain: { entries: 1_000_000 }, ...safe })
    const queued = createStream<number>(space, 'queued', { groups: ['workers'], ...safe })
    const handled = new Map<number, number>()
    const pauses = { adds: createPauses(), work: createPauses() }
    const work = createStream<number>(working.space('shop'), 'queued', { groups: ['workers'] })
    for (const connection of ['own', 'shared'] as const) {
      work.worker(
        'workers',
        ({ payload }) => {
          handled.set(payload, (handled.get(payload) ?? 0) + 1)
          pauses.work.saw()
        },
        { lease: 2000, connection },
      )
    }
    const keep = load(kept, perSecond, pauses.adds.saw)
    const queue = load(queued, perSecond, () => {})
    await delay(1500)
    const [master, ...behind] = await servers.of(space.runtime.keys.route.slot)
    const laggedAt = performance.now()
    if (lagMs > 0) {
      // Frozen replicas cannot reconnect when their master drops them, so they get none of the following adds.
      for (const replica of behind) replica.freeze()
      await send(master, ['CLIENT', 'KILL', 'TYPE', 'replica'])
    }
    await delay(lagMs)
    await master.kill()
    const diedAt = performance.now()
    if (lagMs > 0) for (const replica of behind) replica.thaw()
    await goesOn(() => keep.lastAt() > diedAt + 100 && pauses.work.lastAt() > diedAt + 100)
    await delay(1000)
    await Promise.all([keep.stop(), queue.stop()])
    // A queue is empty when every entry is finished.
    await goesOn(async () => (await queued.read({ limit: 1 })).items.length === 0)
    await delay(500)

    const present = new Set<number>()
    for await (const { payload } of kept.replay()) present.add(payload)
    const lost = [...keep.confirmed].filter(([n]) => !present.has(n))
    return {
      confirmed: keep.confirmed.size,
      lost: lost.length,
      confirmedInLag: [...keep.confirmed.values()].filter((at) => at > laggedAt - 50 && at < diedAt + 50)
        .length,
      lostBeforeLag: lost.filter(([, at]) => at < laggedAt - 50).length,
      unknown: keep.unknown(),
      unhandled: [...queue.confirmed].filter(([n, at]) => !handled.has(n) && at < laggedAt - 50).length,
      handledTwice: [...handled.values()].filter((times) => times > 1).length,
      addsPausedMs: pauses.adds.longestMs(),
      workPausedMs: pauses.work.longestMs(),
    }
  } finally {
    await Promise.all([producing.close(), working.close()])
  }
}

/** Adds numbers at a rate until it is stopped. */
function load(stream: Stream<number>, perSecond: number, confirmedOne: () => void) {
  const confirmed = new Map<number, number>()
  const stopping = new AbortController()
  let unknown = 0
  let lastAt = 0
  const adding = new Set<Promise<void>>()
  async function add(n: number): Promise<void> {
    try {
      await stream.add(n)
      lastAt = performance.now()
      confirmed.set(n, lastAt)
      confirmedOne()
    } catch (error) {
      if (!(error instanceof PenknifeError)) throw error
      if (error.fate === 'unknown') unknown += 1
    }
  }
  const running = (async () => {
    const started = performance.now()
    let next = 0
    while (!stopping.signal.aborted) {
      for (const due = ((performance.now() - started) * perSecond) / 1000; next < due; next++) {
        const one = add(next)
        adding.add(one)
        void one.finally(() => adding.delete(one))
      }
      // Adds of a tick are one call: more ticks would take a core, and pauses last seconds.
      await delay(10)
    }
  })()
  return {
    confirmed,
    unknown: () => unknown,
    lastAt: () => lastAt,
    async stop() {
      stopping.abort()
      await running
      await Promise.all(adding)
    },
  }
}

function createPauses() {
  let last = 0
  let longest = 0
  return {
    saw() {
      const at = performance.now()
      if (last > 0) longest = Math.max(longest, at - last)
      last = at
    },
    lastAt: () => last,
    longestMs: () => Math.round(longest),
  }
}

async function goesOn(holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 30_000
  for (;;) {
    try {
      if (await holds()) return
    } catch (error) {
      if (!(error instanceof PenknifeError)) throw error
    }
    if (performance.now() > end) throw new Error('it did not go on within 30 s')
    await delay(20)
  }
}

async function sentinels(replicas: number): Promise<Servers> {
  const group: PrivateSentinels = await startSentinels({ replicas })
  return {
    open: () => sentinelPattern(group),
    async of() {
      const master = await group.master()
      return [master, ...group.servers.filter((server) => server !== master)]
    },
    [Symbol.asyncDispose]: () => group.stop(),
  }
}

async function cluster(replicasPerMaster: number): Promise<Servers> {
  const masters = 3
  const nodes: PrivateCluster = await startCluster({ masters, replicasPerMaster })
  return {
    open: () => clusterPattern(nodes),
    async of(slot) {
      const at = Math.floor((slot * masters) / 16_384)
      const replicas = nodes.nodes.slice(masters).filter((_, index) => index % masters === at)
      return [nodes.nodes[at] as PrivateRedis, ...replicas]
    },
    [Symbol.asyncDispose]: () => nodes.stop(),
  }
}
