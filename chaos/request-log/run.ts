import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import { connect } from '@penknife/core'
import { createRequestStream, type RequestEntry } from '@penknife/http'
import { Redis } from 'ioredis'

import { startProxy } from '../../scripts/redis/proxy.ts'
import { type PrivateRedis, startRedis } from '../../scripts/redis/server.ts'
import { type Break, bundle } from '../harness/bundle.ts'
import { createCast, type FaultRecord } from '../harness/cast.ts'
import { type Claim, createClaims, findingsOf } from '../harness/claims.ts'
import { networkFaults, oneAtATime, redisFaults, type Scene } from '../harness/common-faults.ts'
import { type Fault, startStriking } from '../harness/faults.ts'
import { openJournal, readJournals } from '../harness/journal.ts'
import { createRandom } from '../harness/random.ts'
import { LOG, type MemberConfig, type MemberRecord, RETAIN, SPACE } from './plan.ts'

export interface RequestLogChaosOptions {
  readonly seed: number
  /** For how long faults strike. */
  readonly seconds: number
  /** Time between two faults. */
  readonly betweenMs?: readonly [number, number]
  /** The pause of each client after a request. Default: 0. */
  readonly pauseMs?: number
  /** Changes to the library, which the checker must find. */
  readonly breaks?: readonly Break[]
  readonly keepJournals?: boolean
  readonly log?: (line: string) => void
}

export interface RequestLogChaosResult {
  readonly claims: readonly Claim[]
  readonly counts: Readonly<Record<string, number>>
  readonly faults: Readonly<Record<string, number>>
  readonly lives: number
  readonly seconds: number
}

/**
 * Two processes with servers log mixed traffic into a Redis that writes each command to disk before it answers, while Redis is killed, frozen
 * and started and the network fails. Afterwards entries and counted drops must be exactly the requests.
 *
 * The processes themselves are not killed: what a killed process had in memory is lost, as documented.
 */
export async function runRequestLogChaos(options: RequestLogChaosOptions): Promise<RequestLogChaosResult> {
  const { seed, seconds, betweenMs = [200, 1200], pauseMs = 0, log = () => {} } = options
  const started = performance.now()
  const folder = await mkdtemp(join(tmpdir(), 'penknife-chaos-'))
  const redis = await startRedis({ persist: true })
  const proxy = await startProxy(redis)
  const journal = openJournal<FaultRecord>(folder, 'faults')
  const cast = createCast(folder, journal)
  let kept = false
  try {
    const member = (await bundle(['request-log/member'], folder, options.breaks))('request-log/member')
    for (const [at, maxPending] of [50, 20_000].entries()) {
      const config: MemberConfig = { url: proxy.url, seed, maxPending, pauseMs }
      cast.start(`member-${at + 1}`, member, config)
    }
    const random = createRandom(seed)
    const scene: Scene = { redis, proxy, random, journal, alone: oneAtATime() }
    const born = (): boolean =>
      cast.parts.every(({ life }) => (readJournals<MemberRecord>(folder).get(life)?.length ?? 0) > 0)
    while (!born()) await delay(50)
    const faults = [...redisFaults(scene, [0, 1500]), frozen(scene), ...networkFaults(scene)]
    const strikes = startStriking(faults, random, betweenMs)
    await delay(seconds * 1000)
    await strikes.untilEach(30_000)
    log('the faults stop')
    await strikes.stop()
    const codes = await Promise.all(cast.parts.map((part) => part.end()))
    const entries = await entriesIn(redis)
    const ends = [...readJournals<MemberRecord>(folder).values()].flatMap((records) =>
      records.flatMap((record) => (record.k === 'end' ? [record] : [])),
    )
    const { claims, counts } = check(entries, ends, codes)
    if (options.keepJournals && findingsOf(claims).length > 0) {
      kept = true
      log(`the journals are in ${folder}`)
    }
    const took = (performance.now() - started) / 1000
    return { claims, counts, faults: strikes.counts, lives: cast.parts.length, seconds: took }
  } finally {
    await cast.end()
    journal.close()
    await proxy.leave()
    await redis.stop()
    if (!kept) await rm(folder, { recursive: true, force: true })
  }
}

/** Redis keeps its connections and answers nothing. */
function frozen({ redis, random, alone, journal }: Scene): Fault {
  return {
    name: 'Redis frozen and thawed',
    weight: 2,
    strike: () =>
      alone(async () => {
        journal.write({ k: 'fault', fault: 'redis frozen', on: 'redis' })
        redis.freeze()
        await delay(random.int(100, 2000))
        redis.thaw()
      }),
  }
}

async function entriesIn({ socket }: PrivateRedis): Promise<RequestEntry[]> {
  const penknife = connect(new Redis(socket, { lazyConnect: true }))
  const all: RequestEntry[] = []
  const stream = createRequestStream(penknife.space(SPACE), LOG, { retain: RETAIN })
  for await (const { payload } of stream.replay({ pageEntries: 1000 })) all.push(payload)
  await penknife.close()
  return all
}

/** What the processes say and what Redis has must be the same. */
export function check(
  entries: readonly RequestEntry[],
  ends: readonly { readonly received: number; readonly lost: number }[],
  codes: readonly (number | null)[],
): { readonly claims: readonly Claim[]; readonly counts: Readonly<Record<string, number>> } {
  const { all: claims, claim } = createClaims()
  const sum = (numbers: readonly number[]): number => numbers.reduce((before, next) => before + next, 0)
  const received = sum(ends.map((end) => end.received))
  const dropped = sum(entries.map((entry) => entry.dropped ?? 0))
  claim('every process ended in order')(
    codes.every((code) => code === 0),
    () => `the codes are ${codes.join(', ')}`,
  )
  claim('entries and the drops that they tell of are exactly the requests')(
    entries.length + dropped === received,
    () => `${entries.length} entries and ${dropped} drops for ${received} requests`,
  )
  claim('the drops that onError reported are not more than those that entries tell of')(
    sum(ends.map((end) => end.lost)) <= dropped,
    () => `${sum(ends.map((end) => end.lost))} were reported, ${dropped} logged`,
  )
  const once = claim('a request is one entry')
  const seen = new Set<string>()
  for (const { id } of entries) {
    // One that only tells of drops has none.
    if (id === undefined || id === '') continue
    once(!seen.has(id), () => `request ${id} has two entries`)
    seen.add(id)
  }
  const counts: Record<string, number> = { requests: received, entries: entries.length, dropped }
  for (const { status } of entries) counts[`status ${status}`] = (counts[`status ${status}`] ?? 0) + 1
  return { claims, counts }
}
