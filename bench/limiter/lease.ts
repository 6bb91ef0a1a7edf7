import { connect, createRateLimiter, type Penknife, type RateLimiter } from '@penknife/core'
import { Redis } from 'ioredis'
import { RateLimiterRedis } from 'rate-limiter-flexible'

import type { Probe, Series } from '../harness/bench.ts'
import { connection } from '../harness/connections.ts'
import { installed } from '../harness/versions.ts'

const IN_FLIGHT = 1000
const LIMIT = 100_000_000
const PEER_OPS = 50_000

/** A limiter whose subjects have leased tokens, enough for `calls` of each and for what comes back meanwhile. */
async function leasing(penknife: Penknife, subjects: readonly string[], calls: number): Promise<RateLimiter> {
  const limiter = createRateLimiter(penknife.space('bench'), `lease-${subjects.length}`, {
    rules: [{ name: 'year', limit: LIMIT, window: '366d' }],
    lease: { tokens: calls + 10_000, idle: '1h', subjects: subjects.length },
    whenUnavailable: 'throw',
    deadline: '30s',
  })
  // The second call leases.
  for (let from = 0; from < 2 * subjects.length; from += IN_FLIGHT) {
    const some = Array.from(
      { length: IN_FLIGHT },
      (_, at) => subjects[(from + at) % subjects.length] as string,
    )
    await Promise.all(some.map((subject) => limiter.take(subject)))
  }
  return limiter
}

/** CPU of this process for each call, in nanoseconds, so that other programs of the machine do not count. */
async function perCall(ops: number, run: () => Promise<number>): Promise<number> {
  const before = process.cpuUsage()
  const allowed = await run()
  if (allowed !== ops) throw new Error(`${allowed} of ${ops} calls were allowed`)
  const { user, system } = process.cpuUsage(before)
  return ((user + system) * 1000) / ops
}

/** The time of a decision by leased tokens. The peer asks Redis for each. */
export const lease: Probe = {
  name: 'limiter.lease',
  about: 'subjects with leased tokens, one call after the other; the peer with 1,000 calls in flight',
  figures: [{ id: 'cpuNs', heading: 'client CPU, ns a decision', better: 'less' }],
  async run(url, { rounds, quick, log }) {
    const penknife = connect(new Redis(url, { lazyConnect: true }))
    const redis = await connection(url, 'autopipelined', { enableOfflineQueue: false })
    const series: Series[] = []
    const ops = quick ? 100_000 : 1_000_000
    for (const count of [1000, 100_000]) {
      const about = `${count} subjects`
      const names = Array.from({ length: count }, (_, at) => `user-${at}`)
      const limiter = await leasing(penknife, names, (2 * rounds * ops) / count)
      const peer = new RateLimiterRedis({
        storeClient: redis,
        keyPrefix: `peer-${count}`,
        points: LIMIT,
        duration: 366 * 86_400,
      })
      const [awaited, now, peers]: [number[], number[], number[]] = [[], [], []]
      for (let round = 0; round < rounds; round++) {
        awaited.push(await perCall(ops, () => takeEach(limiter, names, ops)))
        now.push(await perCall(ops, async () => takeEachNow(limiter, names, ops)))
        peers.push(await perCall(PEER_OPS, () => consumeEach(peer, names)))
      }
      log(
        `${about}: ${Math.round(awaited[0] as number)} ns awaited, ${Math.round(now[0] as number)} ns at once`,
      )
      series.push(
        { case: about, name: 'penknife', setup: 'take', ours: true, values: { cpuNs: awaited } },
        {
          case: about,
          name: installed('rate-limiter-flexible'),
          setup: 'autopipelined',
          ours: false,
          values: { cpuNs: peers },
        },
        { case: `${about}, takeNow`, name: 'penknife', setup: 'takeNow', ours: true, values: { cpuNs: now } },
      )
    }
    const parts = { 'performance.now() alone': readClock, 'await of a resolved promise alone': awaitResolved }
    for (const [what, run] of Object.entries(parts)) {
      const found: number[] = []
      for (let round = 0; round < rounds; round++) found.push(await perCall(ops, async () => run(ops)))
      log(`${what}: ${Math.round(found[0] as number)} ns`)
      series.push({ case: what, name: 'Node', setup: process.version, ours: true, values: { cpuNs: found } })
    }
    await penknife.close()
    redis.disconnect()
    return series
  },
}

async function takeEach(limiter: RateLimiter, names: readonly string[], ops: number): Promise<number> {
  let allowed = 0
  for (let at = 0; at < ops; at++) {
    if ((await limiter.take(names[at % names.length] as string)).allowed) allowed += 1
  }
  return allowed
}

function takeEachNow(limiter: RateLimiter, names: readonly string[], ops: number): number {
  let allowed = 0
  for (let at = 0; at < ops; at++) {
    if (limiter.takeNow(names[at % names.length] as string)?.allowed) allowed += 1
  }
  return allowed
}

/** Each decision reads the clock once. */
function readClock(ops: number): number {
  let later = 0
  const since = performance.now()
  for (let at = 0; at < ops; at++) if (performance.now() >= since) later += 1
  return later
}

/** Each awaited decision is a promise that is resolved already. */
async function awaitResolved(ops: number): Promise<number> {
  const decision = { allowed: true }
  let allowed = 0
  for (let at = 0; at < ops; at++) if ((await Promise.resolve(decision)).allowed) allowed += 1
  return allowed
}

async function consumeEach(peer: RateLimiterRedis, names: readonly string[]): Promise<number> {
  let allowed = 0
  for (let from = 0; from < PEER_OPS; from += IN_FLIGHT) {
    await Promise.all(
      Array.from({ length: IN_FLIGHT }, async (_, at) => {
        await peer.consume(names[(from + at) % names.length] as string)
        allowed += 1
      }),
    )
  }
  return allowed
}
