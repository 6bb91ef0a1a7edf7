import type { Figure, Outcome, Series } from './bench.ts'
import { median } from './statistics.ts'

/** The figure whose ratio is printed as `cpuRatio`. */
const CPU = 'cpuUs'

/**
 * One line for every contender that is compared with penknife, including raw Redis, in its fastest set-up. Without a
 * peer there is one line without a comparison.
 */
export function jsonLines(outcome: Outcome): readonly string[] {
  return casesOf(outcome).flatMap(({ ours, others }) => {
    const peers = others.filter(({ counts = true }) => counts)
    const rows = peers.length > 0 ? peers.map((peer) => rowOf(outcome, ours, peer)) : [rowOf(outcome, ours)]
    return rows.map((row) => JSON.stringify(row))
  })
}

/** Penknife is better when `ratio` is above 1, and when `cpuRatio` is below 1. */
function rowOf(outcome: Outcome, ours: Series, peer?: Series): Readonly<Record<string, unknown>> {
  const [main, ...others] = outcome.figures as readonly [Figure, ...Figure[]]
  return {
    bench: outcome.name,
    ...(ours.case === undefined ? {} : { case: ours.case }),
    figure: main.id,
    ours: rounded(of(ours, main.id)),
    peer: peer?.name ?? null,
    peers: peer ? rounded(of(peer, main.id)) : null,
    ratio: peer ? rounded(ratio(main, of(ours, main.id), of(peer, main.id))) : null,
    pairedRatio: peer ? rounded(paired(main, ours, peer)) : null,
    peerSetup: peer?.setup ?? null,
    ...Object.assign(
      {},
      ...others.map(({ id }) => ({
        [`ours${capital(id)}`]: rounded(of(ours, id)),
        ...(peer ? { [`peer${capital(id)}`]: rounded(of(peer, id)) } : {}),
        ...(peer && id === CPU ? cpuRatios(ours, peer) : {}),
      })),
    ),
    ...(peer ? overRaw(outcome, ours, peer) : {}),
    ...outcome.scale,
  }
}

function cpuRatios(ours: Series, peer: Series): Readonly<Record<string, number>> {
  return {
    cpuRatio: rounded(of(ours, CPU) / of(peer, CPU)),
    pairedCpuRatio: rounded(1 / paired({ id: CPU, heading: '', better: 'less' }, ours, peer)),
  }
}

/** CPU for each call that exceeds the bare program's in the same round. */
function overRaw({ overRaw: name, series }: Outcome, ours: Series, peer: Series): object {
  const raw = series.find((each) => each.name === name && each.counts)
  if (!raw || raw === peer) return {}
  const added = ({ values }: Series): number =>
    median((values[CPU] ?? []).map((cpu, round) => cpu - (raw.values[CPU]?.[round] ?? Number.NaN)))
  return {
    rawCpuUs: rounded(of(raw, CPU)),
    oursCpuOverRawUs: rounded(added(ours)),
    peerCpuOverRawUs: rounded(added(peer)),
    cpuOverRawRatio: rounded(added(ours) / added(peer)),
  }
}

/** Every contender in every set-up; a `*` marks the set-up that counts. */
export function table(outcome: Outcome): string {
  const { name, about, figures } = outcome
  const [main, ...others] = figures as readonly [Figure, ...Figure[]]
  const headings = ['', 'set-up', main.heading, 'ratio', 'paired', ...others.map(({ heading }) => heading)]
  const rows = casesOf(outcome).flatMap(({ ours, others: peers }) =>
    [ours, ...peers].map((series) => [
      ours.case === undefined ? series.name : `${ours.case}: ${series.name}`,
      `${series.setup}${series.counts ? ' *' : ''}`,
      shown(of(series, main.id)),
      ...(series === ours
        ? ['', '']
        : [ratio(main, of(ours, main.id), of(series, main.id)), paired(main, ours, series)].map((value) =>
            value.toFixed(2),
          )),
      ...others.map(({ id }) => shown(of(series, id))),
    ]),
  )
  return [`${name}: ${about}`, ...aligned([headings, ...rows]), ''].join('\n')
}

function casesOf({
  name,
  series,
}: Outcome): readonly { readonly ours: Series; readonly others: readonly Series[] }[] {
  const cases = [...new Set(series.map((each) => each.case))]
  return cases.map((wanted) => {
    const all = series.filter((each) => each.case === wanted)
    const ours = all.find((each) => each.ours)
    if (!ours) throw new Error(`${name}: nothing of ours in case '${wanted}'`)
    return { ours, others: all.filter((each) => each !== ours) }
  })
}

/** The median over the rounds. NaN if it was not measured. */
function of({ values }: Series, id: string): number {
  return median(values[id] ?? [])
}

/** Above 1 if penknife is better. */
function ratio({ better }: Figure, ours: number, peer: number): number {
  return better === 'less' ? peer / ours : ours / peer
}

/** The median of the ratios within each round. */
function paired(figure: Figure, ours: Series, peer: Series): number {
  const theirs = peer.values[figure.id] ?? []
  return median(
    (ours.values[figure.id] ?? []).map((value, round) => ratio(figure, value, theirs[round] ?? Number.NaN)),
  )
}

function capital(id: string): string {
  return id.charAt(0).toUpperCase() + id.slice(1)
}

/** Three decimals. NaN is null in JSON. */
function rounded(value: number): number {
  return Number(value.toFixed(3))
}

function shown(value: number): string {
  if (Number.isNaN(value)) return '-'
  return value.toLocaleString('en-US', { maximumFractionDigits: value >= 1000 ? 0 : 2 })
}

/** A table with aligned columns: the first two are words, the others figures. */
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
