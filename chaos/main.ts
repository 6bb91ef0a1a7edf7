import { parseArgs } from 'node:util'

import { findChromium } from '../scripts/chromium.ts'
import { type FailoverResult, runFailover } from './failover/run.ts'
import { findingsOf, report } from './harness/claims.ts'
import { runGuardChaos } from './guard/run.ts'
import { runNotifierChaos } from './notifier/run.ts'
import { runRecordChaos } from './record/run.ts'
import { runRequestLogChaos } from './request-log/run.ts'
import { type ChaosResult, runStreamChaos } from './stream/run.ts'

const USAGE = `Usage: pnpm chaos stream [options]
       pnpm chaos notifier [options]
       pnpm chaos guard [options]
       pnpm chaos record [options]
       pnpm chaos request-log [options]
       pnpm chaos failover

stream     workers, Redis and the network fail at random; every promise is checked against the records of the processes
  --seed N       seed of all random decisions; default: a new one each time, which is printed
  --entries N    default 100,000
  --rate N       adds a second; default 1,000
  --short        4,000 entries: about 20 seconds
notifier   publishers, servers, clients and Redis fail at random; every client sees each event once and in order, or a reset
  --seed N
  --seconds N    how long faults are injected; default 170
  --short        12 seconds, without Chromium
guard      holders of locks, permits and reservations, Redis and the network fail at random; every promise is checked against
           the records of the processes
  --seed N
  --seconds N    how long faults are injected; default 120
  --short        10 seconds
record     processes record jobs and commit them while they, Redis and the network fail at random; streams, boards, counters and
           notifications are compared
  --seed N
  --seconds N    for how long faults strike; default 120
  --short        10 seconds
request-log  servers log mixed traffic while Redis is killed, frozen and started and the network fails; entries and counted
           drops must be exactly the requests
  --seed N
  --seconds N    for how long faults strike; default 180
  --short        10 seconds
failover   kills a master under load, behind Sentinel and on a Cluster; prints what is lost, and how long calls pause

PENKNIFE_DRIVER=node-redis  penknife runs on node-redis; default: ioredis`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string' },
    entries: { type: 'string' },
    rate: { type: 'string' },
    seconds: { type: 'string' },
    short: { type: 'boolean', default: false },
  },
})

// Redis is away on purpose here.
process.removeAllListeners('warning')

if (positionals[0] === 'stream') await stream()
else if (positionals[0] === 'notifier') await notifier()
else if (positionals[0] === 'guard') await guard()
else if (positionals[0] === 'record') await recordRun()
else if (positionals[0] === 'request-log') await requestLogRun()
else if (positionals[0] === 'failover') await failover()
else {
  console.error(USAGE)
  process.exitCode = 1
}

async function stream(): Promise<void> {
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9))
  const entries = Number(values.entries ?? (values.short ? 4000 : 100_000))
  const perSecond = Number(values.rate ?? (values.short ? 500 : 1000))
  console.log(`chaos stream: ${entries} entries at ${perSecond} a second, --seed ${seed}`)
  const result = await runStreamChaos({
    seed,
    entries,
    perSecond,
    // Long enough for progress between two faults.
    betweenMs: values.short ? [100, 400] : [200, 1500],
    keepJournals: true,
    log: (line) => console.log(line),
  })
  print(result)
  if (findingsOf(result.claims).length > 0) process.exitCode = 1
}

async function notifier(): Promise<void> {
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9))
  const seconds = Number(values.seconds ?? (values.short ? 12 : 170))
  const chromium = values.short ? undefined : findChromium()
  const browser = values.short ? 'left out' : (chromium ?? 'none found, so left out')
  console.log(`chaos notifier: faults for ${seconds} s, --seed ${seed}, Chromium: ${browser}`)
  const result = await runNotifierChaos({
    seed,
    seconds,
    chromium,
    betweenMs: values.short ? [100, 400] : [200, 1200],
    keepJournals: true,
    log: (line) => console.log(line),
  })
  print(result)
  console.log(`the last client arrived ${(result.arrivedMs / 1000).toFixed(1)} s after the last event`)
  if (findingsOf(result.claims).length > 0) process.exitCode = 1
}

async function guard(): Promise<void> {
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9))
  const seconds = Number(values.seconds ?? (values.short ? 10 : 120))
  console.log(`chaos guard: faults for ${seconds} s, --seed ${seed}`)
  const result = await runGuardChaos({
    seed,
    seconds,
    keepJournals: true,
    log: (line) => console.log(line),
  })
  print(result)
  if (findingsOf(result.claims).length > 0) process.exitCode = 1
}

async function recordRun(): Promise<void> {
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9))
  const seconds = Number(values.seconds ?? (values.short ? 10 : 120))
  console.log(`chaos record: faults for ${seconds} s, --seed ${seed}`)
  const result = await runRecordChaos({ seed, seconds, keepJournals: true, log: (line) => console.log(line) })
  print(result)
  if (findingsOf(result.claims).length > 0) process.exitCode = 1
}

async function requestLogRun(): Promise<void> {
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9))
  const seconds = Number(values.seconds ?? (values.short ? 10 : 180))
  console.log(`chaos request-log: faults for ${seconds} s, --seed ${seed}`)
  const result = await runRequestLogChaos({
    seed,
    seconds,
    keepJournals: true,
    log: (line) => console.log(line),
  })
  print(result)
  if (findingsOf(result.claims).length > 0) process.exitCode = 1
}

function print({ claims, counts, faults, lives, seconds }: Omit<ChaosResult, 'seed'>): void {
  const listed = (of: Readonly<Record<string, number>>): string =>
    Object.entries(of)
      .map(([what, times]) => `  ${times.toLocaleString('en-US').padStart(9)}  ${what}`)
      .join('\n')
  console.log(`took ${seconds.toFixed(0)} s, ${lives} lives of processes`)
  console.log(`faults\n${listed(faults)}\ncounted\n${listed(counts)}`)
  console.log(report(claims))
}

async function failover(): Promise<void> {
  for (const topology of ['sentinel', 'cluster'] as const) {
    for (const lagMs of [0, 300]) {
      const result = await runFailover({ topology, lagMs })
      console.log(`${topology}, replica ${lagMs} ms behind: ${inWords(result)}`)
    }
    const result = await runFailover({ topology, lagMs: 300, durability: 'replicated' })
    console.log(`${topology}, replica 300 ms behind, durability 'replicated': ${inWords(result)}`)
  }
}

function inWords(result: FailoverResult): string {
  const { confirmed, lost, unknown, handledTwice, addsPausedMs, workPausedMs } = result
  return [
    `${lost} of ${confirmed} confirmed adds lost`,
    `${unknown} of unknown fate`,
    `${handledTwice} handled twice`,
    `adds continued after ${addsPausedMs} ms, workers after ${workPausedMs} ms`,
  ].join(', ')
}
