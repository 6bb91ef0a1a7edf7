import type { InspectedGroup, InspectedStream, InspectedTotals } from '@penknife/core'
import { PenknifeError } from '@penknife/core'
import type { Command } from 'commander'
import { setTimeout as delay } from 'node:timers/promises'

import type { Act } from '../act.ts'
import { EXIT, Failure } from '../failure.ts'
import { allPages } from '../pages.ts'
import type { Session } from '../session.ts'
import { age, time } from '../spans.ts'

/** Totals are shared for so long: asking more often shows nothing new. */
const FASTEST_S = 10
/** How soon it asks again when Redis is away. */
const AGAIN_MS = 1000
const MOST_ATTENTION = 20
/** A waiting entry that is older than this is worth a line. */
const OLD_MS = 300_000

export function overviewCommand(program: Command, act: Act): void {
  program
    .command('overview')
    .description('sums of every space, and the groups that need attention')
    .option('--watch [seconds]', `again and again, from ${FASTEST_S} s`)
    .action(act<{ watch?: true | string }>((session, _args, { watch }) => overview(session, watch)))
}

async function overview(session: Session, watch: true | string | undefined): Promise<undefined> {
  if (watch === undefined) {
    await show(session)
    return
  }
  const seconds = watch === true ? FASTEST_S : Number(watch)
  if (!(seconds >= FASTEST_S && seconds <= 86_400))
    throw new Failure(EXIT.usage, `--watch: give seconds from ${FASTEST_S} to 86400`)
  while (!session.signal.aborted) {
    let pauseMs = seconds * 1000
    try {
      await show(session, () => session.output.clear())
    } catch (error) {
      // Redis may be away for a while.
      if (!(error instanceof PenknifeError)) throw error
      session.output.warn(`${time(Date.now())} ${error.message}`)
      pauseMs = AGAIN_MS
    }
    await pause(session, pauseMs)
  }
}

/** Ends early at Ctrl-C, and when the connection breaks or is back. */
async function pause({ penknife, signal }: Session, ms: number): Promise<void> {
  const early = new AbortController()
  const off = penknife.on(({ kind }) => {
    if (kind === 'available' || kind === 'unavailable') early.abort()
  })
  await delay(ms, undefined, { signal: AbortSignal.any([signal, early.signal]) }).catch(() => {})
  off()
}

interface Found {
  readonly totals: InspectedTotals
  readonly attention: readonly (readonly [InspectedStream, InspectedGroup])[]
}

async function show(session: Session, before: () => void = () => {}): Promise<void> {
  const { inspector, output } = session
  const spaces = await allPages((page) => inspector.spaces(page))
  const found: Found[] = []
  for (const { name } of spaces) {
    output.progress(`reading space ${name}`)
    found.push({ totals: await inspector.totals(name), attention: await attentionOf(session, name) })
  }
  output.progress()
  before()
  output.either(
    found.map(({ totals, attention }) => ({
      ...totals,
      attention: attention.map(([{ name }, group]) => ({ stream: name, ...group })),
    })),
    () => print(session, found),
  )
}

/** The groups of a space that need attention, of those that its totals say exist. */
async function attentionOf({ inspector }: Session, space: string): Promise<Found['attention']> {
  const totals = await inspector.totals(space)
  const needed = totals.dead + totals.pausedGroups + totals.unservedGroups > 0 || totals.oldestAgeMs > OLD_MS
  if (!needed) return []
  const streams = await allPages((page) => inspector.streams(space, { ...page, limit: 1000 }))
  return streams.flatMap((stream) =>
    stream.groups.filter((group) => stateOf(group) !== 'ok').map((group) => [stream, group] as const),
  )
}

/** What needs attention in a group, the worst first. */
export function stateOf({ waiting, workers, paused, dead, oldestAgeMs }: InspectedGroup): string {
  if (paused) return 'paused'
  if (waiting > 0 && workers === 0) return 'no worker'
  if (dead > 0) return 'dead letters'
  return waiting > 0 && oldestAgeMs > OLD_MS ? 'behind' : 'ok'
}

function print({ output }: Session, found: readonly Found[]): void {
  if (found.length === 0) {
    output.line('no space is registered')
    return
  }
  output.table({
    head: [
      'SPACE',
      'STREAMS',
      'LIMITERS',
      'BOARDS',
      'NOTIFIERS',
      'WAITING',
      'RUNNING',
      'DELAYED',
      'QUEUED',
      'DEAD',
      'OLDEST',
    ],
    rows: found.map(({ totals }) => [
      totals.space,
      totals.objects.stream ?? 0,
      totals.objects.limiter ?? 0,
      totals.objects.leaderboard ?? 0,
      totals.objects.notifier ?? 0,
      totals.waiting,
      totals.running,
      totals.delayed,
      totals.queued,
      totals.dead,
      { text: age(totals.oldestAgeMs), tone: totals.oldestAgeMs > OLD_MS ? 'yellow' : 'dim' },
    ]),
  })
  const attention = found.flatMap((each) => each.attention)
  output.line()
  if (attention.length === 0) {
    output.line(output.style.green('Nothing needs attention.'))
    return
  }
  output.line(output.style.bold('Needs attention'))
  output.table({
    head: ['SPACE', 'STREAM', 'GROUP', 'STATE', 'WAITING', 'DEAD', 'OLDEST'],
    rows: attention
      .slice(0, MOST_ATTENTION)
      .map(([stream, group]) => [
        stream.space,
        stream.name,
        group.name,
        { text: stateOf(group), tone: stateOf(group) === 'no worker' ? 'red' : 'yellow' },
        group.waiting,
        group.dead,
        age(group.oldestAgeMs),
      ]),
  })
  if (attention.length > MOST_ATTENTION) output.line(`and ${attention.length - MOST_ATTENTION} more`)
}
