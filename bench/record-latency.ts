/**
 * How long a script call of `record` holds Redis, with boards of a million members: `npx -y pnpm@12 exec tsx bench/record-latency.ts`.
 * Prints a JSON line for each mix: quantiles over all script calls, by Redis' own measurement, in
 * microseconds, and the mean of its processor time. The quantiles are wall time: other work on the machine's cores is in it.
 * MEMBERS and CALLS in the environment make it smaller.
 */
import { Redis } from 'ioredis'

import { connect, createLeaderboard, createNotifier, createStream, type Effect, record } from '@penknife/core'
import { startRedis } from '../scripts/redis/server.ts'

const MEMBERS = Number(process.env['MEMBERS'] ?? 1_000_000)
const CALLS = Number(process.env['CALLS'] ?? 100_000)
const IN_FLIGHT = 200
const CHUNK = 20_000

// The Redis of a bench keeps nothing on purpose.
process.removeAllListeners('warning').on('warning', () => {})
await using server = await startRedis()
const raw = new Redis(server.url)
const penknife = connect(new Redis(server.url, { lazyConnect: true }), {
  deadline: '60s',
  maxPending: CHUNK * 2,
})
const space = penknife.space('bench')
const jobs = createStream<{ at: number }>(space, 'jobs', { retain: { entries: 1_000_000 } })
const news = createNotifier(space, 'news')
const plain = createLeaderboard(space, 'plain', { windows: { day: { calendar: 'day' }, all: 'all-time' } })
const rolling = createLeaderboard(space, 'rolling', { windows: { hour: { last: '6h' } } })
const dense = createLeaderboard(space, 'dense', { denseRanks: true })
const boards = { plain, rolling, dense }

/** The processor time of Redis so far. */
async function cpuUs(): Promise<number> {
  const used = (await raw.info('cpu')).matchAll(/used_cpu_(?:user|sys):([\d.]+)/g)
  return [...used].reduce((sum, [, seconds]) => sum + Number(seconds) * 1e6, 0)
}

function memberOf(at: number): string {
  return `user-${(at * 7919) % MEMBERS}`
}

for (const [name, board] of Object.entries(boards)) {
  for (let from = 0; from < MEMBERS; from += CHUNK) {
    await Promise.all(
      Array.from({ length: Math.min(CHUNK, MEMBERS - from) }, (_, at) =>
        board.increment(memberOf(from + at), ((from + at) % 1000) + 1),
      ),
    )
  }
  console.error(`${name}: ${MEMBERS} members`)
}

const MIXES: Readonly<Record<string, (at: number) => readonly Effect[]>> = {
  'entry, 3 plain windows, event': (at) => [
    jobs.adding({ at }),
    plain.incrementing(memberOf(at), 1),
    dense.incrementing(memberOf(at + 5), 1),
    news.publishing(`user:${at % 1000}`, { at }),
  ],
  'rolling, dense and plain boards': (at) => [
    rolling.incrementing(memberOf(at), 1),
    dense.incrementing(memberOf(at + 3), 2),
    plain.setting(memberOf(at + 7), at),
    jobs.adding({ at }),
  ],
  '20 changes of boards': (at) =>
    Array.from({ length: 10 }, (_, nth) => [
      rolling.incrementing(memberOf(at + nth * 31), 1),
      plain.incrementing(memberOf(at + nth * 17), 3),
    ]).flat(),
}

for (const [mix, effectsOf] of Object.entries(MIXES)) {
  const calls = Math.ceil(CALLS / effectsOf(0).length)
  await raw.config('SET', 'latency-tracking-info-percentiles', '50 99 99.9 100')
  await raw.config('RESETSTAT')
  const before = await cpuUs()
  let at = 0
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      while (at < calls) {
        at += 1
        await record(space, { id: `${mix} ${at}` }, ...effectsOf(at))
      }
    }),
  )
  const cpu = (await cpuUs()) - before
  const [, percentiles = ''] =
    /latency_percentiles_usec_evalsha:(.*)/.exec(await raw.info('latencystats')) ?? []
  const [, scripts = ''] = /cmdstat_evalsha:calls=(\d+)/.exec(await raw.info('commandstats')) ?? []
  const us = Object.fromEntries(
    percentiles
      .trim()
      .split(',')
      .map((each) => each.split('=')),
  )
  console.log(
    JSON.stringify({
      mix,
      members: MEMBERS,
      calls,
      scripts: Number(scripts),
      meanCpuUs: Math.round(cpu / Number(scripts)),
      us,
    }),
  )
}
await penknife.close()
raw.disconnect()
