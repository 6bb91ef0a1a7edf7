import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import { connect, type Leaderboard, type Stream } from '@penknife/core'
import { Redis } from 'ioredis'

import { startProxy } from '../../scripts/redis/proxy.ts'
import { startRedis } from '../../scripts/redis/server.ts'
import { bundle } from '../harness/bundle.ts'
import { type Cast, createCast, type FaultRecord } from '../harness/cast.ts'
import { findingsOf } from '../harness/claims.ts'
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
import { check, type Left, type Verdict } from './check.ts'
import { CHANNEL, commitJob, type MemberConfig, MOST_ATTEMPTS, openObjects, SPACE } from './plan.ts'
import type { Record } from './records.ts'

export interface RecordChaosOptions {
  readonly seed: number
  /** For how long faults strike. */
  readonly seconds: number
  /** Processes. Default: 4. */
  readonly members?: number
  /** The lease of a job. A frozen process stays frozen for one to three of them. Default: 1000. */
  readonly leaseMs?: number
  /** Time between two faults. */
  readonly betweenMs?: readonly [number, number]
  /** Only these faults. Default: all. */
  readonly faults?: readonly string[]
  readonly sabotage?: readonly Sabotage[]
  /** The share of handlers that take longer than a lease. Default: 0.05. */
  readonly slow?: number
  /** Leaves the journals there when a claim is broken, and logs where. Default: false. */
  readonly keepJournals?: boolean
  readonly log?: (line: string) => void
}

export interface RecordChaosResult extends Verdict {
  readonly faults: Readonly<{ [fault: string]: number }>
  readonly seconds: number
  readonly lives: number
}

/**
 * Real processes record jobs and commit them, on a private Redis that writes each command to disk before it answers, while faults strike at
 * random. Then all jobs are done, and what is in Redis is compared with the promises.
 */
export async function runRecordChaos(options: RecordChaosOptions): Promise<RecordChaosResult> {
  const { seed, seconds, members = 4, betweenMs = [100, 400] } = options
  const { leaseMs = 1000, sabotage = [], slow = 0.05, log = () => {} } = options
  const started = performance.now()
  const folder = await mkdtemp(join(tmpdir(), 'penknife-chaos-'))
  const redis = await startRedis({ persist: true })
  const proxy = await startProxy(redis)
  const journal = openJournal<FaultRecord>(folder, 'faults')
  const cast = createCast(folder, journal)
  let kept = false
  try {
    const member = (await bundle(['record/member'], folder))('record/member')
    const config: MemberConfig = { url: proxy.url, seed, sabotage, slow, leaseMs }
    for (let at = 1; at <= members; at++) cast.start(`member-${at}`, member, config)
    const random = createRandom(seed)
    const scene: Scene = { redis, proxy, random, journal, alone: oneAtATime() }
    const faults: Fault[] = [
      ...processFaults(() => cast.parts, scene, [leaseMs, 3 * leaseMs]),
      ...redisFaults(scene, [0, 1000]),
      ...networkFaults(scene),
    ].filter(({ name }) => options.faults?.includes(name) ?? true)
    const strikes = startStriking(faults, random, betweenMs)
    await delay(seconds * 1000)
    await strikes.untilEach(30_000)
    log('the faults stop')
    await strikes.stop()
    // A process that gets SIGTERM before its handler is in place does not end cleanly.
    await untilBorn(folder, cast)
    const ends = await Promise.all(
      cast.parts.map(async (part) => ({ life: part.life, code: await endIn(15_000, part.end()) })),
    )
    const failed = ends.filter(({ code }) => code !== 0).map(({ life, code }) => `${life} ended with ${code}`)
    const undone = await finishAll(redis.socket, leaseMs)
    const left = await whatIsLeft(redis.socket, [...undone, ...failed])
    const journals = readJournals<Record>(folder)
    const verdict = check(journals, left)
    if (options.keepJournals && findingsOf(verdict.claims).length > 0) {
      kept = true
      log(`the journals are in ${folder}`)
    }
    return {
      ...verdict,
      faults: strikes.counts,
      lives: journals.size - 1,
      seconds: (performance.now() - started) / 1000,
    }
  } finally {
    await cast.end()
    journal.close()
    await proxy.leave()
    await redis.stop()
    if (!kept) await rm(folder, { recursive: true, force: true })
  }
}

async function untilBorn(folder: string, { parts }: Cast): Promise<void> {
  const born = (life: string): boolean => (readJournals<Record>(folder).get(life)?.length ?? 0) > 0
  while (!parts.every(({ life }) => born(life))) await delay(100)
}

/** The exit code, or that it did not end. */
async function endIn(ms: number, ending: Promise<number | null>): Promise<number | null | string> {
  return Promise.race([ending, delay(ms, 'nothing: it goes on', { ref: false })])
}

async function whatIsLeft(socket: string, failed: readonly string[]): Promise<Left> {
  const penknife = connect(new Redis(socket, { lazyConnect: true }))
  const { log, done, tens, points, handled, counts, news } = openObjects(penknife.space(SPACE))
  const boards = new Map<string, ReadonlyMap<string, number>>()
  for (const board of [points, handled])
    for (const window of board.windows) boards.set(`${board.name} ${window}`, await scoresOf(board, window))
  const members = [...new Set((await payloadsOf(done)).map(({ member }) => member))]
  const counters = new Map<string, number>()
  for (const { counter, value } of await counts.read(['recorded', 'done', ...members]))
    counters.set(counter, value)
  const published: string[] = []
  for (let after: string | undefined; ;) {
    const page = await news.history(CHANNEL, { limit: 200, ...(after && { after }) })
    published.push(...page.items.map(({ data }) => data as string))
    after = page.next
    if (after === undefined) break
  }
  const left: Left = {
    log: await payloadsOf(log),
    done: await payloadsOf(done),
    tens: await payloadsOf(tens),
    news: published,
    boards,
    counters,
    failed,
  }
  await penknife.close()
  return left
}

async function payloadsOf<T, Out>(stream: Stream<T, Out>): Promise<T[]> {
  const all: T[] = []
  for await (const { payload } of stream.replay()) all.push(payload as T)
  return all
}

async function scoresOf(board: Leaderboard, window: string): Promise<ReadonlyMap<string, number>> {
  const scores = new Map<string, number>()
  for await (const { member, score } of board.export({ window })) scores.set(member, score)
  return scores
}

/** Does what the processes left undone; says what cannot be done. */
async function finishAll(socket: string, leaseMs: number): Promise<string[]> {
  const penknife = connect(new Redis(socket, { lazyConnect: true }))
  const objects = openObjects(penknife.space(SPACE))
  const worker = objects.jobs.worker('work', (delivery) => commitJob(objects, delivery), {
    lease: leaseMs,
    maxAttempts: MOST_ATTEMPTS,
  })
  const until = performance.now() + 60_000
  let [left, dead] = [1, 0]
  while (left > 0 && performance.now() < until) {
    await delay(200)
    const [group] = (await objects.jobs.stats({ over: 0 })).groups
    left = (group?.waiting ?? 0) + (group?.running ?? 0) + (group?.delayed ?? 0)
    dead = group?.dead ?? 0
  }
  await worker.close()
  await penknife.close()
  return [
    ...(left > 0 ? [`${left} jobs are not done`] : []),
    ...(dead > 0 ? [`${dead} jobs are dead letters`] : []),
  ]
}
