import { setTimeout as delay } from 'node:timers/promises'

import { createRateLimiter, type LimiterRule, type LimiterTokenLeaseOptions } from '@penknife/core'
import type { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { type Child, spawnProgram } from '../support/child.ts'
import { openReady } from '../support/connect.ts'
import { callsOf, pattern, useCluster, useRedis } from '../support/redis.ts'
import { LONG } from '../support/until.ts'

const bench = useRedis()
const clusterBench = useCluster()
const PROCESSES = 8
const RUN_MS = LONG ? 20_000 : 750
const WINDOW_MS = 250
const RULE = { name: 'r', limit: 100, window: `${WINDOW_MS}ms`, burst: 30 } satisfies LimiterRule

let children: readonly Child[] = []
beforeAll(() => {
  children = Array.from({ length: PROCESSES }, () => spawnProgram('hammer', []))
})
afterAll(() => {
  for (const { process } of children) process.kill('SIGKILL')
})

interface Run {
  readonly allowed: number
  readonly denied: number
  /** Between the moments before the first call and after the last, by the clock of Redis. */
  readonly elapsedUs: number
  /** Charges that Redis itself counted. */
  readonly charges: number
}

async function hammer(
  where: string,
  raws: readonly Redis[],
  rules: readonly LimiterRule[] = [RULE],
  subjects: number = 1,
  runMs: number = RUN_MS,
  lease?: LimiterTokenLeaseOptions,
): Promise<Run> {
  const say = (line: string): void => {
    for (const { process } of children) process.stdin?.write(`${line}\n`)
  }
  say(JSON.stringify({ where, rules, subjects, lease }))
  for (const child of children) expect(await child.next()).toBe('ready')
  for (const raw of raws) await raw.config('RESETSTAT')
  const started = await timeOf(raws)
  say('go')
  await delay(runMs)
  say('stop')
  const counts = await Promise.all(children.map((child) => child.next<{ allowed: number; denied: number }>()))
  const ended = await timeOf(raws)
  for (const count of counts) expect(count.allowed + count.denied).toBeGreaterThan(100)
  const writes = raws.flatMap((raw) => [callsOf(raw, 'set'), callsOf(raw, 'setrange')])
  const charges = await Promise.all(writes)
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0)
  return {
    allowed: sum(counts.map((count) => count.allowed)),
    denied: sum(counts.map((count) => count.denied)),
    elapsedUs: ended - started,
    charges: sum(charges),
  }
}

/** Nodes of one machine share its clock. */
async function timeOf([raw]: readonly Redis[]): Promise<number> {
  if (!raw) throw new Error('no server')
  const [seconds, micros] = await raw.time()
  return Number(seconds) * 1_000_000 + Number(micros)
}

function checkBound({ allowed, denied, elapsedUs, charges }: Run): void {
  const most = RULE.burst + (elapsedUs * RULE.limit) / (WINDOW_MS * 1000)
  expect(charges).toBe(allowed)
  expect(allowed).toBeLessThanOrEqual(most)
  // The subject was always short of tokens. So the bound was tested, and all allowed tokens were given.
  expect(denied).toBeGreaterThan(allowed)
  expect(allowed).toBeGreaterThan(RULE.burst + (RUN_MS * RULE.limit * 0.8) / WINDOW_MS)
}

test('8 processes that lease tokens never exceed the bound, and charge less often than they admit calls', async () => {
  const fast = { name: 'r', limit: 250, window: `${WINDOW_MS}ms`, burst: 250 } satisfies LimiterRule
  const lease = { tokens: 20, idle: '100ms' } as const
  const { allowed, denied, elapsedUs, charges } = await hammer(
    bench.server.url,
    [bench.raw],
    [fast],
    1,
    RUN_MS,
    lease,
  )
  const perUs = fast.limit / (WINDOW_MS * 1000)
  expect(allowed).toBeLessThanOrEqual(fast.burst + elapsedUs * perUs)
  expect(allowed).toBeGreaterThan(fast.burst)
  expect(denied).toBeGreaterThan(0)
  // Some calls need no charge of their own.
  expect(charges).toBeLessThan(allowed)
}, 120_000)

test('8 processes that charge one subject for several windows, on a cluster of three masters, never exceed the bound', async () => {
  const where = clusterBench.cluster.startupNodes.map(({ port }) => port).join()
  checkBound(await hammer(where, clusterBench.raws))
}, 120_000)

test('8 processes under a tight rule and a wide one: what the tight one denies is not charged to the wide one', async () => {
  const wide = { name: 'wide', limit: 1_000_000, window: '366d' } satisfies LimiterRule
  const run = await hammer(bench.server.url, [bench.raw], [RULE, wide])
  checkBound(run)
  const penknife = await openReady(pattern(bench.server.url))
  const limiter = createRateLimiter(penknife.space('shop'), 'api', {
    rules: [RULE, wide],
    deadline: '5s',
  })
  const { rules } = await limiter.take('subject-0', { cost: 0 })
  const used = wide.limit - (rules[1]?.remaining ?? 0)
  // A token becomes available every 32 seconds.
  expect(used).toBeLessThanOrEqual(run.allowed)
  expect(used).toBeGreaterThanOrEqual(run.allowed - 2)
}, 120_000)

const MIXED: readonly LimiterRule[] = [
  { name: 'burst', limit: 1_000_000, window: '1s' },
  { name: 'month', algorithm: 'fixed-window', limit: 100, calendar: 'month', timeZone: 'Europe/Berlin' },
  { name: 'counter', algorithm: 'sliding-window', limit: 110, window: '1d' },
  { name: 'log', algorithm: 'sliding-log', limit: 110, window: '1d' },
  { name: 'parallel', algorithm: 'concurrency', limit: 10, lease: '1m' },
  { name: 'candidate', shadow: true, algorithm: 'sliding-log', limit: 20, window: '1d' },
]

test('8 processes under rules of every algorithm, on a cluster: each subject gets exactly its limit', async () => {
  const where = clusterBench.cluster.startupNodes.map(({ port }) => port).join()
  // Long enough for every subject to get its limit, on a busy machine, too.
  const { allowed, denied } = await hammer(where, clusterBench.raws, MIXED, 12, LONG ? 40_000 : 2000)
  expect(denied).toBeGreaterThan(0)
  expect(allowed).toBe(12 * 100)
}, 120_000)
