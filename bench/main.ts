import { parseArgs } from 'node:util'

import { startCluster } from '../scripts/redis/cluster.ts'
import { startRedis } from '../scripts/redis/server.ts'
import type { Bench, Outcome, Probe } from './harness/bench.ts'
import { again, buildIn, type Library, ON_NODE_REDIS, THIS_BUILD } from './harness/library.ts'
import { measure } from './harness/measure.ts'
import { jsonLines, table } from './harness/report.ts'
import { suite as guard } from './guard.ts'
import { suite as http } from './http.ts'
import { suite as inspect } from './inspect.ts'
import { suite as leaderboard } from './leaderboard.ts'
import { suite as limiter } from './limiter.ts'
import { suite as notifier } from './notifier.ts'
import { suite as record } from './record.ts'
import { suite as stream } from './stream.ts'

const BENCHES: readonly (Bench | Probe)[] = [
  ...notifier,
  ...limiter,
  ...stream,
  ...leaderboard,
  ...guard,
  ...http,
  ...record,
  ...inspect,
]

const USAGE = `Usage: pnpm bench <suite | suite.case> ... [options]

Suites:
${suites()
  .map(
    (suite) =>
      `  ${suite.padEnd(10)} ${benchesOf(suite)
        .map(({ name }) => name)
        .join(', ')}`,
  )
  .join('\n')}

Options:
  --json        one JSON object a line for each contender, instead of the table
  --again       penknife a second time, as a contender of its own: how far two runs of the same code differ (A/A)
  --against DIR the penknife of another checkout as a contender; run 'pnpm build' there first
  --driver node-redis  penknife and the peers that can on node-redis, and penknife on ioredis beside it
  --rounds N    measured rounds, after those that warm up (default: 5 for most cases)
  --ops N       calls of a contender in each round (default: as the bench says)
  --quick       2 rounds of a fifth of the calls: does it run, not how fast it is`

interface Wanted {
  readonly benches: readonly (Bench | Probe)[]
  readonly json: boolean
  readonly quick: boolean
  readonly rounds: number | undefined
  readonly ops: number | undefined
  readonly libraries: readonly Library[]
}

class UsageError extends Error {}

// The Redis of a bench keeps nothing on purpose, and several workers in one process are what is measured.
process.removeAllListeners('warning').on('warning', ({ name, message, code }: Error & { code?: string }) => {
  if (code !== 'PENKNIFE_PERSISTENCE' && name !== 'MaxListenersExceededWarning')
    console.error(`${name}: ${message}`)
})

try {
  await main(process.argv.slice(2))
} catch (error) {
  console.error(error instanceof UsageError ? `${error.message}\n\n${USAGE}` : error)
  // The clients of a bench that failed would connect again without end.
  process.exit(1)
}

async function main(argv: readonly string[]): Promise<void> {
  const wanted = parse(argv)
  if (!wanted) {
    console.log(USAGE)
    return
  }
  for (const bench of wanted.benches) console.log(await run(bench, wanted))
}

/** What is to be printed of it. */
async function run(bench: Bench | Probe, wanted: Wanted): Promise<string> {
  const outcome = await outcomeOf(bench, wanted)
  return wanted.json ? jsonLines(outcome).join('\n') : table(outcome)
}

async function outcomeOf(bench: Bench | Probe, wanted: Wanted): Promise<Outcome> {
  const { quick, libraries } = wanted
  const log = (line: string): void => console.error(line)
  await using servers = await serversFor('run' in bench ? undefined : bench.masters)
  if ('run' in bench) {
    const [url] = servers.urls as [string]
    const { name, about, figures } = bench
    const rounds = wanted.rounds ?? (quick ? 1 : 3)
    const series = await bench.run(url, { rounds, quick, libraries, log })
    return { name, about, figures, series, scale: { rounds } }
  }
  return await measure(bench, servers.urls, {
    rounds: wanted.rounds ?? (quick ? 2 : (bench.rounds ?? 5)),
    ops: wanted.ops ?? (quick ? Math.ceil(bench.ops / 5) : bench.ops),
    libraries,
    log,
  })
}

/** A single server, or a cluster of so many masters. */
async function serversFor(
  masters: number | undefined,
): Promise<AsyncDisposable & { readonly urls: readonly string[] }> {
  if (masters === undefined) {
    const redis = await startRedis()
    return { urls: [redis.url], [Symbol.asyncDispose]: () => redis.stop() }
  }
  const cluster = await startCluster({ masters })
  return { urls: cluster.nodes.map(({ url }) => url), [Symbol.asyncDispose]: () => cluster.stop() }
}

function suites(): readonly string[] {
  return [...new Set(BENCHES.map(({ name }) => name.split('.', 1)[0] as string))]
}

/** Of a whole suite or a group of its cases, or the one case that is named. */
function benchesOf(wanted: string): readonly (Bench | Probe)[] {
  return BENCHES.filter(({ name }) => name === wanted || name.startsWith(`${wanted}.`))
}

/** Undefined when no suite was named. */
function parse(argv: readonly string[]): Wanted | undefined {
  const { values, positionals } = parseStrictly(argv)
  const rounds = wholeNumber('--rounds', values.rounds)
  const ops = wholeNumber('--ops', values.ops)
  if (positionals.length === 0) {
    if (argv.length > 0) throw new UsageError('name a suite')
    return undefined
  }
  const benches = positionals.flatMap((name) => {
    const named = benchesOf(name)
    if (named.length === 0) throw new UsageError(`no suite or case is named '${name}'`)
    return named
  })
  const libraries = librariesOf(values)
  return { benches: [...new Set(benches)], json: values.json, quick: values.quick, rounds, ops, libraries }
}

interface Compared {
  readonly again: boolean
  readonly against?: string | undefined
  readonly driver: string
}

function librariesOf({ again: twice, against, driver }: Compared): readonly Library[] {
  if (driver !== 'ioredis' && driver !== 'node-redis') {
    throw new UsageError(`--driver ${driver}: give ioredis or node-redis`)
  }
  const first = driver === 'ioredis' ? THIS_BUILD : ON_NODE_REDIS
  return [
    first,
    ...(first === THIS_BUILD ? [] : [{ ...THIS_BUILD, name: 'penknife on ioredis' }]),
    ...(twice ? [again(first)] : []),
    ...(against === undefined ? [] : [buildIn(against, first)]),
  ]
}

function parseStrictly(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        json: { type: 'boolean', default: false },
        quick: { type: 'boolean', default: false },
        again: { type: 'boolean', default: false },
        against: { type: 'string' },
        driver: { type: 'string', default: 'ioredis' },
        rounds: { type: 'string' },
        ops: { type: 'string' },
      },
    })
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error })
  }
}

function wholeNumber(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new UsageError(`${option} ${text}: give a whole number from 1`)
  return Number(text)
}
