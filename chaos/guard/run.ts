import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import { connect, createCounters } from '@penknife/core'
import { Redis } from 'ioredis'

import { startProxy } from '../../scripts/redis/proxy.ts'
import { startRedis } from '../../scripts/redis/server.ts'
import { bundle } from '../harness/bundle.ts'
import { type Cast, createCast, type FaultRecord } from '../harness/cast.ts'
import { brokenWithin, findingsOf } from '../harness/claims.ts'
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
import { LEASE_MS, type Loop, LOOPS, type MemberConfig, RESERVED_MS, SKUS, SPACE, STOCK } from './plan.ts'
import type { Record } from './records.ts'

export interface GuardChaosOptions {
  readonly seed: number
  /** How long faults are injected. */
  readonly seconds: number
  /** Processes. Default: 6. */
  readonly members?: number
  /** Time between two faults. */
  readonly betweenMs?: readonly [number, number]
  /** Only these faults. Default: all. */
  readonly faults?: readonly string[]
  /** The longest time for which a process keeps a lock. Default: 600 ms. */
  readonly holdMs?: number
  /** Processes do only these. Default: all. */
  readonly loops?: readonly Loop[]
  readonly sabotage?: readonly Sabotage[]
  /** Ends when each claim that begins so is broken, at the latest after `seconds`. Default: after `seconds`. */
  readonly untilBroken?: readonly string[]
  /** Keeps the journals when a claim is broken, and logs their folder. Default: false. */
  readonly keepJournals?: boolean
  readonly log?: (line: string) => void
}

export interface GuardChaosResult extends Verdict {
  readonly faults: Readonly<{ [fault: string]: number }>
  readonly seconds: number
  readonly lives: number
}

/**
 * Real processes take locks and permits, decrement a stock and run bodies of `once` on a private Redis that writes
 * each command to disk before it replies, under random faults. Then their records are checked against the promises of
 * guards.
 */
export async function runGuardChaos(options: GuardChaosOptions): Promise<GuardChaosResult> {
  const { seed, seconds, members = 6, betweenMs = [100, 400], holdMs = 600 } = options
  const { loops = LOOPS, sabotage = [], untilBroken, log = () => {} } = options
  const started = performance.now()
  const folder = await mkdtemp(join(tmpdir(), 'penknife-chaos-'))
  const redis = await startRedis({ persist: true })
  const proxy = await startProxy(redis)
  const journal = openJournal<FaultRecord>(folder, 'faults')
  const cast = createCast(folder, journal)
  let kept = false
  try {
    const member = (await bundle(['guard/member'], folder))('guard/member')
    const config: MemberConfig = { url: proxy.url, seed, sabotage, holdMs, loops }
    for (let at = 1; at <= members; at++) cast.start(`member-${at}`, member, config)
    const random = createRandom(seed)
    const scene: Scene = { redis, proxy, random, journal, alone: oneAtATime() }
    const faults: Fault[] = [
      ...processFaults(() => cast.parts, scene, [LEASE_MS, 3 * LEASE_MS]),
      ...redisFaults(scene, [0, 1000]),
      ...networkFaults(scene),
    ].filter(({ name }) => options.faults?.includes(name) ?? true)
    const strikes = startStriking(faults, random, betweenMs)
    const result = (verdict: Verdict): GuardChaosResult => ({
      ...verdict,
      faults: strikes.counts,
      lives: readJournals(folder).size - 1,
      seconds: (performance.now() - started) / 1000,
    })
    if (untilBroken === undefined) await delay(seconds * 1000)
    else {
      const verdict = await brokenWithin(seconds * 1000, untilBroken, async () => {
        const counters = await countersLeft(redis.socket)
        return check(readJournals<Record>(folder), { counters, failed: [] })
      })
      if (verdict) {
        await cast.end()
        await strikes.stop()
        return result(verdict)
      }
    }
    await strikes.untilEach(30_000)
    log('the faults stop')
    await strikes.stop()
    // A process that gets SIGTERM before it has started would not end with code 0.
    await untilBorn(folder, cast)
    await delay(1000)
    const ends = await Promise.all(
      cast.parts.map(async (part) => ({ life: part.life, code: await endIn(15_000, part.end()) })),
    )
    const failed = ends.filter(({ code }) => code !== 0).map(({ life, code }) => `${life} ended with ${code}`)
    await delay(2 * RESERVED_MS)
    const left: Left = { counters: await countersLeft(redis.socket), failed }
    const journals = readJournals<Record>(folder)
    const verdict = check(journals, left)
    if (options.keepJournals && findingsOf(verdict.claims).length > 0) {
      kept = true
      log(`the journals are in ${folder}`)
    }
    return result(verdict)
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

async function countersLeft(socket: string): Promise<Left['counters']> {
  const penknife = connect(new Redis(socket, { lazyConnect: true }))
  const counters = await createCounters(penknife.space(SPACE), 'stock', { initial: STOCK }).read(SKUS)
  await penknife.close()
  return counters
}
