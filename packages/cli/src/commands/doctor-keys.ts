import { Cluster } from 'ioredis'

import { type KeysReport, readKeys } from '../doctor/keys/report.ts'
import type { UnreadGroup } from '../doctor/keys/groups.ts'
import type { Examples } from '../doctor/keys/tally.ts'
import { EXIT, Failure } from '../failure.ts'
import type { Output } from '../output.ts'
import type { Session } from '../session.ts'
import { ago, plural, span } from '../spans.ts'
import type { Cell } from '../table.ts'
import { visible } from '../text.ts'

export interface DoctorKeysOptions {
  readonly most?: string
  readonly unlink?: true
}

const DEFAULT_MOST = 1_000_000
const MOST = 1_000_000_000

/** `doctor --keys`: walks the keys of the server and reports those that nothing uses. It changes nothing. */
export async function doctorKeys(session: Session, options: DoctorKeysOptions): Promise<number> {
  const { output, signal, raw } = session
  const most = options.most === undefined ? DEFAULT_MOST : Number(options.most)
  if (!Number.isInteger(most) || most < 1 || most > MOST)
    throw new Failure(EXIT.usage, `--most is '${options.most}': give a whole number from 1 to ${MOST}`)
  const report = await readKeys(session, { space: session.givenSpace, most })
  const { unlink: _lines, unlinkComplete: _complete, ...rest } = report
  output.progress()
  output.either(options.unlink ? report : rest, () => {
    if (options.unlink) printLines(output, report)
    else printReport(output, report, raw instanceof Cluster)
  })
  if (signal.aborted) return EXIT.interrupted
  const found = report.orphans.length + report.withoutExpiry.count + report.undecodable.count + report.others
  return found > 0 ? EXIT.no : EXIT.done
}

/** Lines alone, so that they can be given to redis-cli. */
function printLines(output: Output, report: KeysReport): void {
  const { complete, unlink, unlinkComplete } = report
  for (const line of unlink) output.line(line)
  if (!complete) output.warn(`no lines, because ${incomplete(report)}`)
  else if (!unlinkComplete) output.warn('there are more: run these lines, then repeat this command')
}

function incomplete({ moved }: KeysReport): string {
  return moved > 0
    ? `${plural(moved, 'key', 'keys')} moved to another master meanwhile: repeat this command`
    : 'not every key was walked: raise --most'
}

function printReport(output: Output, report: KeysReport, cluster: boolean): void {
  const { style } = output
  const { walked, complete, keys, kinds, others } = report
  const bytes = kinds.reduce((sum, { memoryBytes = 0 }) => sum + memoryBytes, 0)
  output.line(
    `walked about ${plural(walked, 'key', 'keys')}: ${plural(keys, 'key', 'keys')} of penknife, about ${size(bytes)}`,
  )
  if (!complete) output.line(style.yellow(incomplete(report)))
  if (kinds.length > 0) {
    output.line()
    output.table({
      head: ['KIND', 'KEYS', 'MEMORY', 'NOT REGISTERED', 'NO EXPIRY'],
      rows: kinds.map((each) => [
        each.kind,
        each.keys,
        each.memoryBytes === undefined ? '' : size(each.memoryBytes),
        each.orphaned,
        each.withoutExpiry,
      ]),
    })
  }
  printOrphans(output, report, cluster)
  printStale(output, report)
  printGroups(output, report.groups)
  printExamples(output, 'Keys without the expiry that their kind has', report.withoutExpiry)
  printExamples(output, 'Names like those of penknife that this version does not make', report.undecodable)
  if (others > 0) output.line(`\n${plural(others, 'key', 'keys')} of more than 10,000 objects: give --space`)
}

function printOrphans(output: Output, { orphans, unlink }: KeysReport, cluster: boolean): void {
  if (orphans.length === 0) return
  output.line(
    '\nNot registered: no process created these in the last 30 days, or only for less than five seconds',
  )
  output.table({
    head: ['SPACE', 'FEATURE', 'NAME', 'KEYS', 'LAST USED', ''],
    rows: orphans.map(({ space, feature, name, keys, unusedForMs, inUse }) => [
      space,
      feature,
      name,
      keys,
      unusedForMs === undefined ? 'unknown' : `${span(unusedForMs)} ago`,
      kept(inUse),
    ]),
  })
  if (unlink.length === 0) return
  const cli = cluster ? 'redis-cli -c' : 'redis-cli'
  output.line(
    output.style.dim(
      `Check that the code no longer has them. Then: penknife doctor --keys --unlink > keys.txt, and ${cli} < keys.txt`,
    ),
  )
}

/** Why --unlink leaves an object out. */
function kept(inUse: boolean | undefined): Cell {
  if (inUse === false) return ''
  const why = inUse ? 'in use' : 'perhaps in use'
  return { text: `${why}: not removed by --unlink`, tone: 'yellow' }
}

function printStale(output: Output, { stale }: KeysReport): void {
  if (stale.length === 0) return
  output.line(
    '\nRegistered, and no process has them now: they may run again later, or are no longer in the code',
  )
  output.table({
    head: ['SPACE', 'FEATURE', 'NAME', 'KEYS', 'LAST REGISTERED'],
    rows: stale.map(({ space, feature, name, keys, seenAtMs = 0 }) => [
      space,
      feature,
      name,
      keys,
      ago(seenAtMs),
    ]),
  })
}

function printGroups(output: Output, groups: readonly UnreadGroup[]): void {
  if (groups.length === 0) return
  output.line('\nGroups that no worker reads now')
  output.table({
    head: ['SPACE', 'STREAM', 'GROUP', 'DECLARED', 'WAITING', 'DEAD', 'LAST READ'],
    rows: groups.map(({ space, stream, group, declared, waiting, dead, unreadForMs }) => [
      space,
      stream,
      group,
      declared === undefined ? 'a log' : declared ? 'yes' : { text: 'no', tone: 'yellow' },
      waiting,
      dead,
      unreadForMs === undefined ? 'unknown' : `${span(unreadForMs)} ago`,
    ]),
  })
  output.line(
    output.style.dim(
      'penknife streams clear <stream> <group> removes its entries; docs/managing-streams.md#groups has how to drop it',
    ),
  )
}

function printExamples(output: Output, title: string, { count, examples }: Examples): void {
  if (count === 0) return
  output.line(`\n${title}: ${plural(count, 'key', 'keys')}`)
  for (const each of examples) output.line(`  ${visible(each)}`)
  if (count > examples.length) output.line('  …')
}

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'] as const

function size(bytes: number): string {
  const at = Math.min(UNITS.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10))
  return `${at === 0 ? bytes : (bytes / 2 ** (10 * at)).toFixed(1)} ${UNITS[at]}`
}
