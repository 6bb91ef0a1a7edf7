import { setTimeout as delay } from 'node:timers/promises'

import type { Leaderboard } from '@penknife/core'
import { Redis } from 'ioredis'

import type { Probe, ProbeOptions, Series } from '../harness/bench.ts'
import { callsOf, openOurs } from './ours.ts'
import { calledOf, MEMBERS, memberOf } from './workload.ts'

/** The number of measured script calls. */
const CALLS = 100_000

/**
 * Makes all kinds of calls at once, 100,000 script calls, during exports and with a rolling window in which
 * increments expire all the time. Reports Redis' own histogram of the time of each script call.
 */
export const tail: Probe = {
  name: 'leaderboard.tail',
  about: `Redis' time a script call over ${CALLS.toLocaleString('en-US')} calls at ${MEMBERS.toLocaleString('en-US')} members; microseconds`,
  figures: [
    { id: 'p999Us', heading: 'p99.9 us', better: 'less' },
    { id: 'p50Us', heading: 'p50 us', better: 'less' },
    { id: 'p99Us', heading: 'p99 us', better: 'less' },
    { id: 'maxUs', heading: 'max us', better: 'less' },
    { id: 'scriptCalls', heading: 'script calls' },
    { id: 'exportedRows', heading: 'exported rows' },
    { id: 'seconds', heading: 'seconds' },
  ],
  run,
}

async function run(url: string, { quick, log }: ProbeOptions): Promise<readonly Series[]> {
  const members = quick ? 50_000 : MEMBERS
  const calls = quick ? 5000 : CALLS
  const control = new Redis(url)
  await control.flushall('SYNC')
  const score = await openOurs(
    url,
    {
      windows: { all: 'all-time', day: { calendar: 'day' }, rolling: { last: '10s' } },
      dedup: { window: '1h' },
    },
    { name: 'score' },
  )
  const record = await openOurs(url, { keep: members, denseRanks: true }, { name: 'record' })
  try {
    log('leaderboard.tail: loading')
    await callsOf(score.board).load(members)
    await loadRecords(record.board, members)
    // The loaded increments expire during the measurement.
    await control.config('SET', 'latency-tracking-info-percentiles', '50 99 99.9 100')
    await control.config('RESETSTAT')
    const running = { on: true }
    const exports = exportAgain(score.board, running)
    const mix = mixOf(score.board, record.board, members)
    const before = process.hrtime.bigint()
    for (let at = 0; (await scriptCalls(control)) < calls; at += 1000) {
      log(`leaderboard.tail: ${await scriptCalls(control)} of ${calls}`)
      // Several in each tick, so that a script call has several items, as in an application.
      for (let nth = at; nth < at + 1000 * 50; nth += 50) {
        await Promise.all(Array.from({ length: 50 }, (_, each) => mix(nth + each)))
      }
      await delay(0)
    }
    running.on = false
    const exported = await exports
    const seconds = Number(process.hrtime.bigint() - before) / 1e9
    const stats = await control.info('latencystats')
    const found = /latency_percentiles_usec_evalsha:(.*)/.exec(stats)?.[1] ?? ''
    const at = (percentile: string): number => Number(new RegExp(`p${percentile}=([\\d.]+)`).exec(found)?.[1])
    return [
      {
        name: 'penknife',
        setup: `${members} members`,
        ours: true,
        values: {
          p999Us: [at('99\\.9')],
          p50Us: [at('50')],
          p99Us: [at('99')],
          maxUs: [at('100')],
          scriptCalls: [await scriptCalls(control)],
          exportedRows: [exported],
          seconds: [seconds],
        },
      },
    ]
  } finally {
    control.disconnect()
    await score.close()
    await record.close()
  }
}

async function loadRecords(board: Leaderboard, members: number): Promise<void> {
  for (let from = 0; from < members; from += 5000) {
    await Promise.all(
      Array.from({ length: Math.min(5000, members - from) }, (_, at) =>
        board.best(memberOf(from + at), calledOf(from + at)),
      ),
    )
  }
}

async function exportAgain(board: Leaderboard, running: { readonly on: boolean }): Promise<number> {
  let rows = 0
  while (running.on) {
    for await (const row of board.export()) {
      rows++
      if (!running.on) return rows + (row.score === 0 ? 0 : 0)
    }
  }
  return rows
}

/** Call number `at`, of any kind. */
function mixOf(score: Leaderboard, record: Leaderboard, members: number): (at: number) => Promise<unknown> {
  const member = (at: number): string => memberOf(calledOf(at, members))
  const kinds: readonly ((at: number) => Promise<unknown>)[] = [
    (at) => score.increment(member(at), 1),
    (at) => score.increment(member(at), 1, { id: `id-${at}` }),
    (at) => score.increment(member(at), 1, { change: 'rolling' }),
    (at) => record.best(member(at), at % 2_000_000),
    (at) => record.set(`new-${at}`, at % 1000),
    (at) =>
      score.update(Array.from({ length: 20 }, (_, nth) => ({ member: member(at + nth), increment: 1 }))),
    (at) => score.rank(member(at)),
    (at) => record.rank(member(at), { ranks: 'dense' }),
    (at) => score.rank(member(at), { window: 'rolling', ranks: 'competition' }),
    () => score.top(10),
    (at) => score.top(100, 1 + (at % members)),
    (at) => score.around(member(at), 5),
    (at) => record.around(member(at), 50),
    (at) => score.ranks(Array.from({ length: 50 }, (_, nth) => member(at + nth))),
    (at) => score.among(Array.from({ length: 50 }, (_, nth) => member(at + nth))),
    (at) => score.byScore({ min: at % 1000, max: 1_000_000 }),
    (at) => score.count({ min: at % 1000 }),
    (at) => score.percentile(member(at)),
    (at) => score.scoreAt(at % 100),
    (at) => score.undo(`id-${at - 1000}`),
    (at) => (at % 100 === 0 ? score.remove(member(at)) : score.rank(member(at))),
  ]
  return (at) => (kinds[(at * 31) % kinds.length] as (typeof kinds)[number])(at)
}

async function scriptCalls(control: Redis): Promise<number> {
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(await control.info('commandstats'))?.[1] ?? 0)
}
