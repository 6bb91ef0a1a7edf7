import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import { Redis } from 'ioredis'

import type { Bench, Contender, Figure, Outcome, Running, Series } from './bench.ts'
import type { ClientLibrary, Library } from './library.ts'
import { drive } from './load.ts'
import { redisUsage } from './redis-usage.ts'
import { median } from './statistics.ts'

export interface MeasureOptions {
  readonly rounds: number
  readonly ops: number
  /** The builds of penknife to measure. The first is this one. */
  readonly libraries: readonly Library[]
  readonly log: (line: string) => void
}

/** The measurements of each contender in each round. */
const FIGURES: readonly Figure[] = [
  { id: 'opsPerSecond', heading: 'ops/s', better: 'more' },
  { id: 'cpuUs', heading: 'client us', better: 'less' },
  { id: 'redisCpuUs', heading: 'Redis cpu us', better: 'less' },
  { id: 'redisTimeUs', heading: 'Redis cmd us', better: 'less' },
  { id: 'p50Ms', heading: 'p50 ms', better: 'less' },
  { id: 'p99Ms', heading: 'p99 ms', better: 'less' },
]

type Sample = Readonly<Record<string, number>>

interface Candidate {
  readonly name: string
  readonly contender: Contender
  readonly library: Library
  readonly ours: boolean
}

/** A contender between its first round and its last. */
interface Entrant extends Candidate {
  readonly running: Running
  readonly samples: Sample[]
}

/**
 * Measures every contender of a bench in each round, one after the other, on one Redis. A disturbance of the machine
 * lasts longer than a round, so it slows all contenders, and the ratios within a round stay right. The first round
 * only warms up. The order is a new one in each round, because it matters which contender was before: where it only rotated, one build was
 * a tenth slower than the same one behind it.
 */
export async function measure(
  bench: Bench,
  urls: readonly string[],
  options: MeasureOptions,
): Promise<Outcome> {
  const ops = Math.ceil(options.ops / (bench.multipleOf ?? 1)) * (bench.multipleOf ?? 1)
  const url = urls[0] as string
  const controls = urls.map((each) => new Redis(each))
  const entrants: Entrant[] = []
  try {
    for (const candidate of candidatesOf(bench, options.libraries)) {
      const running = await candidate.contender.open(url, ops, candidate.library)
      entrants.push({ ...candidate, running, samples: [] })
    }
    for (let round = 1 - (bench.warmUps ?? 1); round <= options.rounds; round++) {
      options.log(`${bench.name}: ${round <= 0 ? 'warming up' : `round ${round} of ${options.rounds}`}`)
      for (const entrant of shuffled(entrants)) {
        const sample = await sampleOf(entrant, bench, ops, controls)
        if (round > 0) entrant.samples.push(sample)
      }
    }
  } finally {
    await Promise.all(entrants.map(({ running }) => running.close()))
    for (const control of controls) control.disconnect()
  }
  const scale = `${bench.inFlight} in flight, ${ops} calls a round, medians of ${options.rounds} rounds`
  return {
    name: bench.name,
    about: `${bench.about}; ${scale}`,
    figures: FIGURES,
    series: seriesOf(entrants),
    scale: { rounds: options.rounds, ops, inFlight: bench.inFlight },
    ...(bench.overRaw ? { overRaw: bench.raw.name } : {}),
  }
}

function shuffled<Value>(values: readonly Value[]): Value[] {
  return values
    .map((value) => ({ value, at: Math.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ value }) => value)
}

/** Every build of ours, then every set-up of each peer and of raw. */
function candidatesOf(bench: Bench, libraries: readonly Library[]): readonly Candidate[] {
  const [thisBuild] = libraries as readonly [Library]
  return [
    ...libraries.map((library, at) => ({
      name: library.name,
      contender: bench.ours,
      library,
      ours: at === 0,
    })),
    ...[...bench.peers, bench.raw].flatMap(({ name, setups }) =>
      setupsOn(thisBuild.client, setups).map((contender) => ({
        name,
        contender,
        library: thisBuild,
        ours: false,
      })),
    ),
  ]
}

/** The set-ups on a client library, or those on ioredis where there are none. */
function setupsOn(client: ClientLibrary, setups: readonly Contender[]): readonly Contender[] {
  const on = (wanted: ClientLibrary): readonly Contender[] =>
    setups.filter((setup) => (setup.client ?? 'ioredis') === wanted)
  return on(client).length > 0 ? on(client) : on('ioredis')
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
  // Collects the young garbage of the contender before. Not a full collection: V8 then also drops optimised code, and
  // a fast contender would spend a quarter of its run on compiling it again.
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
    cpuUs: (cpuAfter - cpuBefore) / ops,
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

/** In the order of the entrants. Of several set-ups of one contender the fastest one is first, because it counts. */
function seriesOf(entrants: readonly Entrant[]): readonly Series[] {
  const speed = ({ samples }: Entrant): number =>
    median(samples.map((sample) => sample['opsPerSecond'] as number))
  const names = [...new Set(entrants.map(({ name }) => name))]
  return names.flatMap((wanted) =>
    entrants
      .filter(({ name }) => name === wanted)
      .toSorted((a, b) => speed(b) - speed(a))
      .map(({ name, contender, ours, samples }, at) => ({
        name,
        setup: contender.setup,
        ours,
        counts: at === 0,
        values: Object.fromEntries(
          FIGURES.map(({ id }) => [id, samples.map((sample) => sample[id] as number)]),
        ),
      })),
  )
}

/** `gc` without a flag on the command line. */
export function garbageCollector(): (options?: { readonly type: 'minor' }) => void {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as (options?: { readonly type: 'minor' }) => void
}
