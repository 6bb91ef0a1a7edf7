import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import { Redis } from 'ioredis'

import { startProxy } from '../../scripts/redis/proxy.ts'
import { startRedis } from '../../scripts/redis/server.ts'
import { bundle } from '../harness/bundle.ts'
import { findingsOf } from '../harness/claims.ts'
import { createCast, type FaultRecord, type Part } from '../harness/cast.ts'
import {
  networkFaults,
  oneAtATime,
  processFaults,
  redisFaults,
  type Scene,
} from '../harness/common-faults.ts'
import { type Fault, startStriking } from '../harness/faults.ts'
import { openJournal, readJournals } from '../harness/journal.ts'
import { createRandom } from '../harness/random.ts'
import type { Sabotage } from '../harness/sabotage.ts'
import { check, type Dead, type Verdict } from './check.ts'
import { historyOf, lifeOf } from './history.ts'
import { openStreams } from './open.ts'
import { type ProducerConfig, type StreamPlan, STREAMS, type WorkerConfig, type WorkerRole } from './plan.ts'
import type { Record } from './records.ts'

export interface ChaosOptions {
  readonly seed: number
  readonly entries: number
  /** Adds of all producers together. */
  readonly perSecond: number
  readonly producers?: number
  /** Processes that handle the entries of a group. Default: 2. */
  readonly workers?: number
  /** Whether a process handles the entries of one group, or of all. All: fewer processes, for a short run. Default: one. */
  readonly groupsOfProcess?: 'one' | 'all'
  readonly leaseMs?: number
  readonly maxAttempts?: number
  /** Time between two faults. */
  readonly betweenMs?: readonly [number, number]
  /** Only these faults. Default: all. */
  readonly faults?: readonly string[]
  /** The run ends when the entries that are left have not changed for this long. Default: 30 s. */
  readonly stuckAfterMs?: number
  readonly sabotage?: readonly Sabotage[]
  /** Keeps the journals when a claim is broken, and logs their folder. Default: false. */
  readonly keepJournals?: boolean
  readonly log?: (line: string) => void
}

export interface ChaosResult extends Verdict {
  readonly seed: number
  readonly faults: Readonly<{ [fault: string]: number }>
  readonly seconds: number
  readonly lives: number
}

/**
 * Real processes add and handle entries on a private Redis that writes each command to disk before it replies, under random faults.
 * Then all entries are settled, and the records of the processes are checked against the promises of streams.
 */
export async function runStreamChaos(options: ChaosOptions): Promise<ChaosResult> {
  const { seed, entries, perSecond, producers = 2, workers = 2, leaseMs = 1000, maxAttempts = 8 } = options
  const {
    groupsOfProcess = 'one',
    betweenMs = [100, 400],
    stuckAfterMs = 30_000,
    sabotage = [],
    log = () => {},
  } = options
  const started = performance.now()
  const folder = await mkdtemp(join(tmpdir(), 'penknife-chaos-'))
  const redis = await startRedis({ persist: true })
  const proxy = await startProxy(redis)
  const journal = openJournal<FaultRecord>(folder, 'faults')
  const cast = createCast(folder, journal)
  const raw = new Redis(redis.socket)
  raw.on('error', () => {})
  let kept = false
  try {
    const pathOf = await bundle(['stream/producer', 'stream/worker'], folder)
    const settings = { leaseMs, maxAttempts, timeoutMs: 4 * leaseMs, concurrency: 20 }
    const life = { url: proxy.url, seed, sabotage }
    const groups = STREAMS.flatMap(({ name, groups: all }) =>
      all.map((group) => ({ name: `${name}-${group}`, stream: name, group })),
    )
    const roleOf = ({ stream, group }: (typeof groups)[number], nth: number): WorkerRole => ({
      stream,
      group,
      batch: group === 'mail' && nth > 0,
      shared: nth % 2 === 1,
    })
    const startWorker = (name: string, roles: readonly WorkerRole[]): Part => {
      const config: WorkerConfig = { roles, settings, perSecond }
      return cast.start(name, pathOf('stream/worker'), { ...life, ...config })
    }
    const handling = Array.from({ length: workers }, (_, nth) =>
      groupsOfProcess === 'all'
        ? startWorker(
            `all-${nth + 1}`,
            groups.map((group) => roleOf(group, nth)),
          )
        : groups.map((group) => startWorker(`${group.name}-${nth + 1}`, [roleOf(group, nth)])),
    ).flat()
    // A group of an event log must exist before the first entry may be trimmed.
    for (const plan of STREAMS) await untilGroups(raw, plan)
    const adding = Array.from({ length: producers }, (_, nth) => {
      const config: ProducerConfig = { entries, nth, producers, perSecond: perSecond / producers }
      return cast.start(`producer-${nth + 1}`, pathOf('stream/producer'), { ...life, ...config })
    })

    const random = createRandom(seed)
    const scene: Scene = { redis, proxy, random, journal, alone: oneAtATime() }
    const faults: Fault[] = [
      ...processFaults(() => handling, scene, [leaseMs, 3 * leaseMs]),
      ...redisFaults(scene, [0, 1500]),
      ...networkFaults(scene),
      readersKilled(scene, raw),
    ].filter(({ name }) => options.faults?.includes(name) ?? true)
    const strikes = startStriking(faults, random, betweenMs)
    const mostLow = watchLow(raw)
    const codes = await Promise.all(adding.map((part) => part.ended))
    if (codes.some((code) => code !== 0)) throw new Error('a producer failed')
    log(`${entries} entries were added; the faults stop`)
    await strikes.stop()
    const left = await drain(raw, stuckAfterMs)
    const low = mostLow()
    const ends = await Promise.all(
      handling.map(async (part) => ({ life: part.life, code: await part.end() })),
    )
    const failed = ends
      .filter(({ code }) => code !== 0)
      .map(({ life: of, code }) => `${of} ended with ${code}`)
    const dead = await deadLetters(redis.socket)
    const journals = readJournals<Record>(folder)
    const verdict = check({
      seed,
      maxAttempts,
      perSecond,
      history: historyOf(journals),
      dead,
      left: [...left, ...failed],
    })
    if (options.keepJournals && findingsOf(verdict.claims).length > 0) {
      kept = true
      log(`the journals are in ${folder}`)
    }
    return {
      ...verdict,
      counts: { ...verdict.counts, 'entries of low priority that waited at once': low },
      seed,
      faults: strikes.counts,
      lives: new Set([...journals.keys()].map(lifeOf)).size - 1,
      seconds: (performance.now() - started) / 1000,
    }
  } finally {
    await cast.end()
    journal.close()
    raw.disconnect()
    await proxy.leave()
    await redis.stop()
    if (!kept) await rm(folder, { recursive: true, force: true })
  }
}

/** Redis closes the connections on which workers wait for entries: of one worker, or of all that share it. */
function readersKilled({ journal, random }: Scene, raw: Redis): Fault {
  return {
    name: 'connections of readers killed',
    weight: 2,
    async strike() {
      journal.write({ k: 'fault', fault: 'readers killed', on: 'redis' })
      const clients = String(await raw.client('LIST').catch(() => '')).matchAll(
        /id=(\d+) .*name=penknife-reader/g,
      )
      for (const [, id] of clients) {
        if (random.next() < 0.5) await raw.client('KILL', 'ID', Number(id)).catch(() => {})
      }
    },
  }
}

/** Returns a function that ends it, and returns how many entries of low priority waited at once. */
function watchLow(raw: Redis): () => number {
  let most = 0
  const keys = STREAMS.flatMap(({ name, groups }) => groups.map((group) => `${keyOf(name)}:low:${group}`))
  const timer = setInterval(() => {
    for (const key of keys)
      raw.zcard(key).then(
        (count) => (most = Math.max(most, count)),
        () => {},
      )
  }, 20)
  return () => {
    clearInterval(timer)
    return most
  }
}

async function untilGroups(raw: Redis, { name, groups }: StreamPlan): Promise<void> {
  const there = async (): Promise<number> => {
    const found = (await raw.xinfo('GROUPS', keyOf(name)).catch(() => [])) as unknown[]
    return found.length
  }
  while ((await there()) < groups.length) await delay(20)
}

const keyOf = (stream: string): string => `pk1:{chaos}:stream:${stream}`

/** Waits until all entries are settled; returns the entries that are left when nothing changes any more. */
async function drain(raw: Redis, stuckAfterMs: number): Promise<readonly string[]> {
  let before = ''
  let movedAt = performance.now()
  for (;;) {
    const left = await unfinished(raw)
    if (left.join() !== before) movedAt = performance.now()
    before = left.join()
    if (left.length === 0 || performance.now() > movedAt + stuckAfterMs) return left
    await delay(50)
  }
}

async function unfinished(raw: Redis): Promise<readonly string[]> {
  const left: string[] = []
  for (const { name, groups } of STREAMS) {
    for (const fields of (await raw.xinfo('GROUPS', keyOf(name))) as unknown[][]) {
      const of = (field: string): unknown => fields[fields.indexOf(field) + 1]
      const at = String(of('last-delivered-id'))
      const first = (await raw.xrange(keyOf(name), `(${at}`, '+', 'COUNT', 1)).length
      if (of('pending') !== 0 || first > 0) {
        left.push(
          `${name}/${String(of('name'))}: ${String(of('pending'))} pending, ${first ? 'some' : 'none'} to come after ${at}`,
        )
      }
    }
    for (const group of groups) {
      const ready = await raw.xlen(`${keyOf(name)}:ready:${group}`)
      const delayed = await raw.zcard(`${keyOf(name)}:delayed:${group}`)
      const queued = await raw.zcard(`${keyOf(name)}:queued:${group}`)
      const low = await raw.zcard(`${keyOf(name)}:low:${group}`)
      if (ready + delayed + queued + low > 0) {
        left.push(
          `${name}/${group}: ${ready} ready, ${delayed} delayed, ${queued} queued, ${low} of low priority`,
        )
      }
    }
  }
  return left
}

async function deadLetters(url: string): Promise<ReadonlyMap<string, readonly Dead[]>> {
  const { penknife, streams } = openStreams({ url, sabotage: [] })
  const found = new Map<string, readonly Dead[]>()
  for (const { name, groups } of STREAMS) {
    for (const group of groups) {
      const letters: Dead[] = []
      for await (const letter of streams.get(name)?.group(group).deadLetters.iterate() ?? [])
        letters.push(letter)
      found.set(`${name}/${group}`, letters)
    }
  }
  await penknife.close()
  return found
}
