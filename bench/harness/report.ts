import type { Measured, Probe, Row, Sample, Series } from './bench.ts'
import { median } from './statistics.ts'

/** The median of one figure over the rounds. */
function figure(series: Series, key: keyof Sample): number {
  return median(series.samples.map((sample) => sample[key]))
}

/** The median over the rounds of `a` divided by `b` in the same round. */
function paired(a: Series, b: Series, key: keyof Sample): number {
  return median(a.samples.map((sample, round) => sample[key] / (b.samples[round] as Sample)[key]))
}

/** One line for each peer in the faster of its set-ups. Every ratio is ours divided by the other's. */
export function jsonLines({ bench, rounds, ops, ours, peers, raw }: Measured): readonly string[] {
  const [fastestRaw] = raw as [Series]
  return peers.map(([peer]) => {
    if (!peer) throw new Error(`${bench.name}: a peer without a set-up`)
    const oursPerSecond = figure(ours, 'opsPerSecond')
    const peerPerSecond = figure(peer, 'opsPerSecond')
    const rawPerSecond = figure(fastestRaw, 'opsPerSecond')
    return JSON.stringify({
      bench: bench.name,
      ours: Math.round(oursPerSecond),
      peer: peer.name,
      peers: Math.round(peerPerSecond),
      ratio: rounded(oursPerSecond / peerPerSecond),
      pairedRatio: rounded(paired(ours, peer, 'opsPerSecond')),
      peerSetup: peer.setup,
      oursCpuUs: rounded(figure(ours, 'clientCpuUs')),
      peerCpuUs: rounded(figure(peer, 'clientCpuUs')),
      cpuRatio: rounded(figure(ours, 'clientCpuUs') / figure(peer, 'clientCpuUs')),
      pairedCpuRatio: rounded(paired(ours, peer, 'clientCpuUs')),
      oursRedisCpuUs: rounded(figure(ours, 'redisCpuUs')),
      peerRedisCpuUs: rounded(figure(peer, 'redisCpuUs')),
      oursRedisTimeUs: rounded(figure(ours, 'redisTimeUs')),
      peerRedisTimeUs: rounded(figure(peer, 'redisTimeUs')),
      oursP50Ms: rounded(figure(ours, 'p50Ms')),
      oursP99Ms: rounded(figure(ours, 'p99Ms')),
      peerP50Ms: rounded(figure(peer, 'p50Ms')),
      peerP99Ms: rounded(figure(peer, 'p99Ms')),
      raw: Math.round(rawPerSecond),
      rawRatio: rounded(oursPerSecond / rawPerSecond),
      rawSetup: fastestRaw.setup,
      ...(bench.overRaw ? overRaw(ours, peer, fastestRaw) : {}),
      rounds,
      ops,
      inFlight: bench.inFlight,
    })
  })
}

/** Client CPU for each call over that of the bare program in the same round. */
function overRaw(ours: Series, peer: Series, raw: Series): Readonly<Record<string, number>> {
  const added = (series: Series): readonly number[] =>
    series.samples.map(({ clientCpuUs }, round) => clientCpuUs - (raw.samples[round] as Sample).clientCpuUs)
  const [oursAdded, peerAdded] = [median(added(ours)), median(added(peer))]
  return {
    rawCpuUs: rounded(figure(raw, 'clientCpuUs')),
    oursCpuOverRawUs: rounded(oursAdded),
    peerCpuOverRawUs: rounded(peerAdded),
    cpuOverRawRatio: rounded(oursAdded / peerAdded),
  }
}

const HEADINGS = [
  '',
  'set-up',
  'ops/s',
  'ours/it',
  'paired',
  'client us',
  'ours/it',
  'paired',
  'Redis cpu us',
  'Redis cmd us',
  'p50 ms',
  'p99 ms',
]

/** Every contender in every set-up; a `*` marks the set-up that counts. */
export function table({ bench, rounds, ops, ours, peers, raw }: Measured): string {
  const groups = [[ours], ...peers, raw]
  const rows = groups.flatMap((group) => group.map((series, at) => cellsOf(series, ours, at === 0)))
  const scale = `${bench.inFlight} in flight, ${ops} calls a round, medians of ${rounds} rounds`
  return [`${bench.name}: ${bench.about}; ${scale}`, ...aligned([HEADINGS, ...rows]), ''].join('\n')
}

/** A table of what a probe found, or a JSON line for each row. */
export function probeTable({ name, about }: Probe, rows: readonly Row[]): string {
  const headings = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const cells = rows.map((row) =>
    headings.map((key) => {
      const value = row[key] ?? ''
      return typeof value === 'number' ? value.toLocaleString('en-US', { maximumFractionDigits: 2 }) : value
    }),
  )
  return [`${name}: ${about}`, ...aligned([headings, ...cells]), ''].join('\n')
}

export function probeLines({ name }: Probe, rows: readonly Row[]): readonly string[] {
  return rows.map((row) => {
    const figures = Object.entries(row).map(([key, value]) => [
      key,
      typeof value === 'number' ? rounded(value) : value,
    ])
    return JSON.stringify({ bench: name, ...Object.fromEntries(figures) })
  })
}

/** Columns of one width: the first two are words, the others figures. */
function aligned(all: readonly (readonly string[])[]): readonly string[] {
  const widths = (all[0] ?? []).map((_, column) =>
    Math.max(...all.map((cells) => (cells[column] ?? '').length)),
  )
  return all.map((cells) =>
    cells
      .map((cell, at) => (at < 2 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join('  '),
  )
}

function cellsOf(series: Series, ours: Series, counts: boolean): readonly string[] {
  const ratios = (key: keyof Sample): readonly string[] =>
    series === ours
      ? ['', '']
      : [figure(ours, key) / figure(series, key), paired(ours, series, key)].map((ratio) => ratio.toFixed(2))
  return [
    series.name,
    `${series.setup}${counts ? ' *' : ''}`,
    Math.round(figure(series, 'opsPerSecond')).toLocaleString('en-US'),
    ...ratios('opsPerSecond'),
    figure(series, 'clientCpuUs').toFixed(2),
    ...ratios('clientCpuUs'),
    figure(series, 'redisCpuUs').toFixed(2),
    figure(series, 'redisTimeUs').toFixed(2),
    ...(['p50Ms', 'p99Ms'] as const).map((key) =>
      isNaN(figure(series, key)) ? '-' : figure(series, key).toFixed(2),
    ),
  ]
}

function rounded(value: number): number {
  return Number(value.toFixed(3))
}
