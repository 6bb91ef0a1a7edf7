import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import { Redis } from 'ioredis'

import type { Bench, Contender, Measured, Running, Sample, Series } from './bench.ts'
import { drive } from './load.ts'
import { redisUsage } from './redis-usage.ts'
import { median } from './statistics.ts'

export interface MeasureOptions {
  readonly rounds: number
  readonly ops: number
  readonly log: (line: string) => void
}

/** A contender between its first round and its last. */
interface Entrant {
  readonly name: string
  readonly contender: Contender
  readonly running: Running
  readonly samples: Sample[]
}

/**
 * Measures every contender of a bench in each round, one after the other, on one Redis.
 *
 * Interleaved, because what disturbs a machine lasts longer than a round: it then slows all of them, and the
 * ratios within a round stay. The first round only warms up; the order rotates, so that nobody always follows
 * the same neighbour.
 */
export async function measure(
  bench: Bench,
  urls: readonly string[],
  options: MeasureOptions,
): Promise<Measured> {
  const ops = Math.ceil(options.ops / (bench.multipleOf ?? 1)) * (bench.multipleOf ?? 1)
  const url = urls[0] as string
  const controls = urls.map((each) => new Redis(each))
  const entrants: Entrant[] = []
  try {
    for (const { name, contender } of contendersOf(bench)) {
      entrants.push({ name, contender, running: await contender.open(url, ops), samples: [] })
    }
    for (let round = 1 - (bench.warmUps ?? 1); round <= options.rounds; round++) {
      options.log(`${bench.name}: ${round <= 0 ? 'warming up' : `round ${round} of ${options.rounds}`}`)
      for (let turn = 0; turn < entrants.length; turn++) {
        const entrant = entrants[(turn + Math.abs(round)) % entrants.length] as Entrant
        const sample = await sampleOf(entrant, bench, ops, controls)
        if (round > 0) entrant.samples.push(sample)
      }
    }
  } finally {
    await Promise.all(entrants.map(({ running }) => running.close()))
    for (const control of controls) control.disconnect()
  }
  return {
    bench,
    rounds: options.rounds,
    ops,
    ours: seriesOf(entrants, [bench.ours])[0] as Series,
    peers: bench.peers.map((peer) => seriesOf(entrants, peer.setups)),
    raw: seriesOf(entrants, bench.raw.setups),
  }
}

function contendersOf(bench: Bench): readonly { readonly name: string; readonly contender: Contender }[] {
  const peers = [{ name: 'penknife', setups: [bench.ours] }, ...bench.peers, bench.raw]
  return peers.flatMap(({ name, setups }) => setups.map((contender) => ({ name, contender })))
}

const collectGarbage = garbageCollector()

async function sampleOf(
  entrant: Entrant,
  bench: Bench,
  ops: number,
  controls: readonly Redis[],
): Promise<Sample> {
  const { running, contender } = entrant
  await Promise.all(controls.map((control) => control.flushall('SYNC')))
  await running.prepare?.()
  // Nobody pays for the fresh garbage of the one before. Not a full collection: while nothing is in flight that throws
  // away optimised code too, and a fast contender would spend a quarter of its turn on compiling it again.
  collectGarbage({ type: 'minor' })
  const before = await redisUsage(controls, contender.commands)
  const cpuBefore = await cpuUs(running)
  const { seconds, p50Ms, p99Ms, sum } = await drive(running, ops, bench.inFlight)
  const cpuAfter = await cpuUs(running)
  const after = await redisUsage(controls, contender.commands)
  await running.settle?.()
  if (sum !== running.expected) {
    const who = `${entrant.name} (${contender.setup})`
    throw new Error(`${bench.name}: the answers of ${who} add up to ${sum} and not to ${running.expected}`)
  }
  return {
    opsPerSecond: ops / seconds,
    clientCpuUs: (cpuAfter - cpuBefore) / ops,
    redisCpuUs: (after.cpuUs - before.cpuUs) / ops,
    redisTimeUs: (after.timeUs - before.timeUs) / ops,
    p50Ms,
    p99Ms,
  }
}

async function cpuUs(running: Running): Promise<number> {
  if (running.cpuUs) return running.cpuUs()
  const { user, system } = process.cpuUsage()
  return user + system
}

/** The set-ups of one peer, the fastest first. */
function seriesOf(entrants: readonly Entrant[], setups: readonly Contender[]): readonly Series[] {
  const speed = ({ samples }: Series): number => median(samples.map((sample) => sample.opsPerSecond))
  return entrants
    .filter(({ contender }) => setups.includes(contender))
    .map(({ name, contender, samples }) => ({ name, setup: contender.setup, samples }))
    .toSorted((a, b) => speed(b) - speed(a))
}

/** `gc` without a flag on the command line. */
export function garbageCollector(): (options?: { readonly type: 'minor' }) => void {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as (options?: { readonly type: 'minor' }) => void
}
