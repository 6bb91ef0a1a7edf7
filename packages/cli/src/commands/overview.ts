import { setTimeout as delay } from 'node:timers/promises'

import { type InspectedGroupState, type InspectedTotals, PenknifeError } from '@penknife/core'
import type { Command } from 'commander'

import type { Act } from '../act.ts'
import { EXIT, Failure } from '../failure.ts'
import { allPages } from '../pages.ts'
import type { Session } from '../session.ts'
import { age, time } from '../spans.ts'
import type { Cell } from '../table.ts'

/** Totals are shared for so long: asking more often shows nothing new. */
const FASTEST_S = 10
/** How soon it asks again when Redis is away. */
const AGAIN_MS = 1000
const MOST_ATTENTION = 20

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

async function show(session: Session, before: () => void = () => {}): Promise<void> {
  const { inspector, output } = session
  let foreign = 0
  const spaces = await allPages(async (page) => {
    const found = await inspector.spaces(page)
    foreign += found.foreign
    return found
  })
  if (foreign > 0) output.warn(`${foreign} names in the list of spaces are not of penknife, and are left out`)
  const found: InspectedTotals[] = []
  for (const { name } of spaces) {
    output.progress(`reading space ${name}`)
    found.push(await inspector.totals(name))
  }
  output.progress()
  before()
  output.either(found, () => print(session, found))
}

/** The state of a group as a cell. */
export function stateCell(state: InspectedGroupState): Cell {
  const tone = state === 'ok' ? 'green' : state === 'no-worker' ? 'red' : 'yellow'
  return { text: state.replace('-', ' '), tone }
}

function print({ output }: Session, found: readonly InspectedTotals[]): void {
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
    rows: found.map((totals) => [
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
      age(totals.oldestAgeMs),
    ]),
  })
  const attention = found.flatMap((totals) =>
    totals.attention.map((group) => ({ ...group, space: totals.space })),
  )
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
      .map(({ space, stream, name, state, waiting, dead, oldestAgeMs }) => [
        space,
        stream,
        name,
        stateCell(state),
        waiting,
        dead,
        age(oldestAgeMs),
      ]),
  })
  if (attention.length > MOST_ATTENTION)
    output.line(`and ${attention.length - MOST_ATTENTION} more: penknife streams`)
}
