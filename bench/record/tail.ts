import type { Effect, Leaderboard } from '@penknife/core'
import { Redis } from 'ioredis'

import type { Probe, ProbeOptions, Series } from '../harness/bench.ts'
import { pattern } from '../harness/connections.ts'
import { coreOf } from '../harness/library.ts'
import { calledOf, MEMBERS, memberOf } from '../leaderboard/workload.ts'

const CHANGES = 100_000
const IN_FLIGHT = 200
/** Increments of a tick while the boards are loaded. */
const CHUNK = 20_000

/** How long a script call of `record` holds Redis when the boards have a million members. */
export const tail: Probe = {
  name: 'record.tail',
  about: `Redis' time a script call, with boards of ${MEMBERS.toLocaleString('en-US')} members; microseconds`,
  figures: [
    { id: 'p999Us', heading: 'p99.9 us', better: 'less' },
    { id: 'p50Us', heading: 'p50 us', better: 'less' },
    { id: 'p99Us', heading: 'p99 us', better: 'less' },
    { id: 'maxUs', heading: 'max us', better: 'less' },
    { id: 'meanCpuUs', heading: 'mean CPU us', better: 'less' },
    { id: 'itemsPerCall', heading: 'records a call' },
  ],
  run,
}

async function run(url: string, { quick, libraries, log }: ProbeOptions): Promise<readonly Series[]> {
  const members = quick ? 20_000 : MEMBERS
  const library = libraries[0] as (typeof libraries)[number]
  const core = await coreOf(library)
  const control = new Redis(url)
  await control.flushall('SYNC')
  const penknife = core.connect(pattern(url, library), { deadline: '60s', maxPending: 2 * CHUNK })
  try {
    const space = penknife.space('bench')
    const jobs = core.createStream<{ at: number }>(space, 'jobs', { retain: { entries: 1_000_000 } })
    const news = core.createNotifier(space, 'news')
    const plain = core.createLeaderboard(space, 'plain', {
      windows: { day: { calendar: 'day' }, all: 'all-time' },
    })
    const rolling = core.createLeaderboard(space, 'rolling', { windows: { recent: { last: '6h' } } })
    const dense = core.createLeaderboard(space, 'dense', { denseRanks: true })
    for (const board of [plain, rolling, dense]) {
      log(`record.tail: loading ${board.name}`)
      await load(board, members)
    }
    const of = (at: number): string => memberOf(calledOf(at, members))
    const mixes: Readonly<Record<string, (at: number) => readonly Effect[]>> = {
      'entry, 3 windows, event': (at) => [
        jobs.adding({ at }),
        plain.incrementing(of(at), 1),
        dense.incrementing(of(at + 5), 1),
        news.publishing(`user:${at % 1000}`, { at }),
      ],
      'rolling, dense and plain': (at) => [
        rolling.incrementing(of(at), 1),
        dense.incrementing(of(at + 3), 2),
        plain.setting(of(at + 7), at),
        jobs.adding({ at }),
      ],
      '20 changes of boards': (at) =>
        Array.from({ length: 10 }, (_, nth) => [
          rolling.incrementing(of(at + nth * 31), 1),
          plain.incrementing(of(at + nth * 17), 3),
        ]).flat(),
    }
    const series: Series[] = []
    for (const [name, effectsOf] of Object.entries(mixes)) {
      log(`record.tail: ${name}`)
      const calls = Math.ceil((quick ? CHANGES / 20 : CHANGES) / effectsOf(0).length)
      await control.config('SET', 'latency-tracking-info-percentiles', '50 99 99.9 100')
      await control.config('RESETSTAT')
      const before = await cpuUs(control)
      let at = 0
      await Promise.all(
        Array.from({ length: IN_FLIGHT }, async () => {
          while (at < calls) {
            at += 1
            await core.record(space, { id: `${name} ${at}` }, ...effectsOf(at))
          }
        }),
      )
      const cpu = (await cpuUs(control)) - before
      const [, scripts = ''] = /cmdstat_evalsha:calls=(\d+)/.exec(await control.info('commandstats')) ?? []
      const info = await control.info('latencystats')
      const us = [
        ...info.matchAll(/percentiles_usec_evalsha:p50=([\d.]+),p99=([\d.]+),p99.9=([\d.]+),p100=([\d.]+)/g),
      ]
      const [p50 = NaN, p99 = NaN, p999 = NaN, max = NaN] = us.flatMap(([, ...each]) => each.map(Number))
      const values = {
        p999Us: [p999],
        p50Us: [p50],
        p99Us: [p99],
        maxUs: [max],
        meanCpuUs: [cpu / Number(scripts)],
        itemsPerCall: [calls / Number(scripts)],
      }
      series.push({ name: 'penknife', setup: `${members} members`, case: name, ours: true, values })
    }
    return series
  } finally {
    await penknife.close()
    control.disconnect()
  }
}

async function load(board: Leaderboard, members: number): Promise<void> {
  for (let from = 0; from < members; from += CHUNK) {
    const size = Math.min(CHUNK, members - from)
    await Promise.all(
      Array.from({ length: size }, (_, at) => board.increment(memberOf(from + at), ((from + at) % 1000) + 1)),
    )
  }
}

/** The processor time of Redis so far. */
async function cpuUs(control: Redis): Promise<number> {
  const used = (await control.info('cpu')).matchAll(/used_cpu_(?:user|sys):([\d.]+)/g)
  return [...used].reduce((sum, [, seconds]) => sum + Number(seconds) * 1e6, 0)
}
