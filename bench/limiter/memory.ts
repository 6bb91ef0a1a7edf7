import { connect, createRateLimiter, type Penknife, type RateLimiter, type LimiterRule } from '@penknife/core'
import { Redis } from 'ioredis'

import type { Probe, Series } from '../harness/bench.ts'
import { garbageCollector } from '../harness/measure.ts'

const SUBJECTS = 1_000_000
const IN_FLIGHT = 1000

interface Case {
  readonly what: string
  readonly rules: readonly LimiterRule[]
  /** Calls for each subject. Default: 1. */
  readonly calls?: number
  /** Fewer subjects where each uses more memory. */
  readonly subjects?: number
}

/** Windows so long that none ends during the measurement. */
const LIMIT = { limit: 100, window: '1d' } as const
const GCRA: LimiterRule = { name: 'gcra', ...LIMIT }

const CASES: readonly Case[] = [
  { what: 'GCRA', rules: [GCRA] },
  { what: 'three GCRA rules', rules: ['a', 'b', 'c'].map((name) => ({ ...GCRA, name })) },
  { what: 'fixed window', rules: [{ name: 'r', algorithm: 'fixed-window', ...LIMIT }] },
  {
    what: 'calendar month',
    rules: [{ name: 'r', algorithm: 'fixed-window', limit: 100, calendar: 'month', timeZone: 'UTC' }],
  },
  { what: 'sliding window', rules: [{ name: 'r', algorithm: 'sliding-window', ...LIMIT }] },
  { what: 'sliding log, 1 charge', rules: [{ name: 'r', algorithm: 'sliding-log', ...LIMIT }] },
  {
    what: 'sliding log, 100 charges',
    rules: [{ name: 'r', algorithm: 'sliding-log', ...LIMIT }],
    calls: 100,
    subjects: 10_000,
  },
  {
    what: 'concurrency, 1 slot taken',
    rules: [{ name: 'r', algorithm: 'concurrency', limit: 100, lease: '1d' }],
  },
  {
    what: 'concurrency, 10 slots taken',
    rules: [{ name: 'r', algorithm: 'concurrency', limit: 100, lease: '1d' }],
    calls: 10,
    subjects: 100_000,
  },
]

/** The memory of a subject in Redis: all its keys, and the server's overhead for them. Subjects are `user-<number>`. */
export const memory: Probe = {
  name: 'limiter.memory',
  about: 'bytes a subject, by algorithm; raw is a counter with an expiry',
  figures: [
    { id: 'bytes', heading: 'bytes a subject', better: 'less' },
    { id: 'subjects', heading: 'subjects' },
  ],
  async run(url, { quick, log }) {
    const raw = new Redis(url)
    const penknife = connect(new Redis(url, { lazyConnect: true }))
    const counter = await rawCounter(raw, quick ? SUBJECTS / 10 : SUBJECTS)
    log(`raw: ${counter} bytes a subject`)
    const series: Series[] = []
    for (const { what, rules, calls = 1, subjects = SUBJECTS } of CASES) {
      const count = quick ? subjects / 10 : subjects
      await raw.flushall('SYNC')
      const limiter = createRateLimiter(penknife.space('bench'), 'api', {
        rules,
        whenUnavailable: 'throw',
        deadline: '30s',
      })
      const before = await used(raw)
      await takeAll(limiter, count, calls)
      const bytes = ((await used(raw)) - before) / count
      log(`${what}: ${Math.round(bytes)} bytes a subject`)
      series.push(
        {
          case: what,
          name: 'penknife',
          setup: `${calls} calls each`,
          ours: true,
          values: { bytes: [bytes], subjects: [count] },
        },
        {
          case: what,
          name: 'raw INCR and PEXPIRE',
          setup: 'plain',
          ours: false,
          values: { bytes: [counter] },
        },
      )
    }
    for (const { what, rules } of CASES.slice(0, 2)) {
      await raw.flushall('SYNC')
      for (const [state, bytes] of Object.entries(await remembered(penknife, rules))) {
        const about = `a denial in the deny cache, ${state}, ${what}`
        log(`${about}: ${bytes} bytes a subject`)
        series.push({
          case: about,
          name: 'penknife',
          setup: "this process' heap",
          ours: true,
          values: { bytes: [bytes], subjects: [REMEMBERED] },
        })
      }
    }
    await penknife.close()
    raw.disconnect()
    return series
  },
}

/** Bytes of a plain counter with an expiry for each subject. */
async function rawCounter(raw: Redis, subjects: number): Promise<number> {
  await raw.flushall('SYNC')
  const before = await used(raw)
  for (let from = 0; from < subjects; from += IN_FLIGHT) {
    const pipeline = raw.pipeline()
    for (let at = from; at < Math.min(from + IN_FLIGHT, subjects); at++) {
      pipeline.incr(`user-${at}`).pexpire(`user-${at}`, 86_400_000)
    }
    await pipeline.exec()
  }
  return Math.round(((await used(raw)) - before) / subjects)
}

/** The number of denials whose memory is measured. */
const REMEMBERED = 50_000

/** The memory of a cached denial in this process, before and after it was repeated. */
async function remembered(
  penknife: Penknife,
  given: readonly LimiterRule[],
): Promise<Record<string, number>> {
  const limiter = createRateLimiter(penknife.space('bench'), 'denied', {
    rules: given.map((rule) => ({ ...rule, limit: 1 })),
    whenUnavailable: 'throw',
    deadline: '30s',
    // The cache has two generations, and drops the older one as a whole.
    denyCache: { entries: 4 * REMEMBERED, staleness: '1h' },
  })
  const collect = garbageCollector()
  const heap = (): number => {
    collect()
    return process.memoryUsage().heapUsed
  }
  await takeAll(limiter, REMEMBERED, 1)
  const before = heap()
  await takeAll(limiter, REMEMBERED, 1, false)
  const learned = heap()
  await takeAll(limiter, REMEMBERED, 1, false)
  const each = (bytes: number): number => Math.round((bytes - before) / REMEMBERED)
  return { 'not yet repeated': each(learned), repeated: each(heap()) }
}

async function takeAll(
  limiter: RateLimiter,
  subjects: number,
  calls: number,
  expected: boolean = true,
): Promise<void> {
  let next = 0
  async function chargeRepeatedly(): Promise<void> {
    while (next < subjects * calls) {
      const { allowed } = await limiter.take(`user-${next++ % subjects}`)
      if (allowed !== expected) throw new Error(`a call was ${allowed ? 'allowed' : 'denied'}`)
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, chargeRepeatedly))
}

async function used(raw: Redis): Promise<number> {
  return Number(/used_memory_dataset:(\d+)/.exec(await raw.info('memory'))?.[1]) + (await overhead(raw))
}

/** Includes the tables of keys and expiries, but not the buffers of connections. */
async function overhead(raw: Redis): Promise<number> {
  const stats = (await raw.call('MEMORY', 'STATS')) as unknown[]
  const db = stats[stats.indexOf('db.0') + 1]
  if (!Array.isArray(db)) return 0
  const figures = db as (string | number)[]
  const of = (name: string): number => Number(figures[figures.indexOf(name) + 1] ?? 0)
  return of('overhead.hashtable.main') + of('overhead.hashtable.expires')
}
