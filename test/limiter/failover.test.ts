import { setTimeout as delay } from 'node:timers/promises'

import { createRateLimiter, type LimiterEvent, type RateLimiter } from '@penknife/core'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'

import { type PrivateCluster, startCluster } from '../../scripts/redis/cluster.ts'
import { openReady } from '../support/connect.ts'
import { clusterPattern } from '../support/redis.ts'
import { masterOf } from '../support/spaces.ts'
import { until } from '../support/until.ts'

let cluster: PrivateCluster
let raws: Redis[] = []

beforeAll(async () => {
  cluster = await startCluster({ replicasPerMaster: 1 })
  raws = cluster.nodes.map(({ socket }) => new Redis(socket).on('error', () => {}))
  // Else the masters that are left refuse everything until the replica is elected.
  await Promise.all(raws.map((raw) => raw.config('SET', 'cluster-require-full-coverage', 'no')))
})
afterAll(async () => {
  for (const raw of raws) raw.disconnect()
  await cluster?.stop()
})

const DEADLINE_MS = 100
/** What the loop of events and the masters may add to a deadline, beside what the machine adds to every timer. */
const SLACK_MS = 400
const VICTIM = 1

interface Call {
  readonly at: number
  readonly ms: number
  readonly decidedBy: string
  readonly allowed: boolean
}

/** Callers that take without a pause, each for subjects of one master. */
function load(
  limiter: RateLimiter,
  subjects: readonly string[],
  callers: number,
): { calls: Call[]; stop(): Promise<void> } {
  const calls: Call[] = []
  const run = { going: true }
  const loops = Array.from({ length: callers }, async (_, caller) => {
    for (let turn = caller; run.going; turn += callers) {
      const at = performance.now()
      const { decidedBy, allowed } = await limiter.take(subjects[turn % subjects.length] as string)
      calls.push({ at, ms: performance.now() - at, decidedBy, allowed })
      await delay(2)
    }
  })
  return {
    calls,
    async stop() {
      run.going = false
      await Promise.all(loops)
    },
  }
}

/** By how much timers of the deadline's length are late, at most. */
function watchTimers(): { readonly latestMs: number; stop(): void } {
  let latestMs = 0
  let timer: NodeJS.Timeout
  function start(): void {
    const at = performance.now()
    timer = setTimeout(() => {
      latestMs = Math.max(latestMs, performance.now() - at - DEADLINE_MS)
      start()
    }, DEADLINE_MS)
  }
  start()
  return {
    get latestMs() {
      return latestMs
    },
    stop: () => clearTimeout(timer),
  }
}

test('with a master killed under load the policy answers for its subjects in time, Redis for all others, and all recovers by itself', async () => {
  const penknife = await openReady(clusterPattern(cluster))
  const space = penknife.space('shop')
  const rules = [{ name: 'r', limit: 1_000_000, window: '1h' }] as const
  const limiter = createRateLimiter(space, 'api', {
    rules,
    deadline: DEADLINE_MS,
    whenUnavailable: 'closed',
  })
  const events: LimiterEvent[] = []
  limiter.on((event) => events.push(event))
  const subjects = Array.from({ length: 300 }, (_, at) => `user-${at}`)
  const masterFor = (subject: string): number => masterOf(space.runtime.keys.shard(subject).slot)
  const ofVictim = subjects.filter((subject) => masterFor(subject) === VICTIM)
  const ofOthers = subjects.filter((subject) => masterFor(subject) !== VICTIM)
  const timers = watchTimers()
  onTestFinished(timers.stop)
  const loads = [load(limiter, ofVictim, 10), load(limiter, ofOthers, 20)] as const
  const [victims, others] = loads.map(({ calls }) => calls) as [Call[], Call[]]
  const since = (calls: readonly Call[], at: number): readonly Call[] => calls.filter((call) => call.at > at)
  const redis = ({ decidedBy }: Call): boolean => decidedBy === 'redis'
  await until('all masters decide', () => victims.length > 200 && others.length > 200)

  const { host, port } = cluster.nodes[VICTIM]!
  const killed = performance.now()
  await cluster.nodes[VICTIM]!.kill()
  await until('the circuit opens', () => events.some(({ kind }) => kind === 'open'))
  const opened = performance.now()
  await until('the policy answers a while', () => since(victims, opened).length > 200)
  const whileOpen = since(victims, opened).slice(0, 200)
  const replica = raws[VICTIM + 3]!
  await until(
    'the replica is elected',
    async () => (await replica.info('replication')).includes('role:master'),
    25_000,
  )
  await until(
    'Redis decides for all',
    () =>
      since(victims, performance.now() - 300).length > 50 &&
      since(victims, performance.now() - 300).every(redis),
    25_000,
  )
  await Promise.all(loads.map(({ stop }) => stop()))

  expect(events[0]).toMatchObject({ kind: 'open', node: `${host}:${port}` })
  // The policy decided, and no call waited for longer than the deadline.
  const calls = [...victims, ...others]
  for (const { decidedBy, allowed } of calls) expect(allowed).toBe(decidedBy === 'redis')
  expect(Math.max(...calls.map(({ ms }) => ms))).toBeLessThan(DEADLINE_MS + SLACK_MS + timers.latestMs)
  // Once it was known that the master does not answer, its subjects cost no time.
  const waited = whileOpen.filter(({ ms }) => ms > DEADLINE_MS / 2)
  expect(waited.length).toBeLessThan(20)
  // The other masters went on deciding all the time.
  const during = since(others, killed)
  expect(during.filter(redis).length / during.length).toBeGreaterThan(0.9)
}, 60_000)
