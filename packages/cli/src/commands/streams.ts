import type { InspectedStream, StreamTaggedEntry } from '@penknife/core'
import type { Command } from 'commander'

import type { Act } from '../act.ts'
import { EXIT, Failure } from '../failure.ts'
import { allPages } from '../pages.ts'
import type { Session } from '../session.ts'
import { age, ago, plural, span, time } from '../spans.ts'
import type { Cell, Table } from '../table.ts'
import { stateCell } from './overview.ts'

interface FindOptions {
  readonly tag?: readonly string[]
  readonly limit: string
  readonly after?: string
}

export function streamCommands(program: Command, act: Act): void {
  const streams = program.command('streams').description('streams, their groups, entries and schedules')
  streams
    .command('list', { isDefault: true })
    .description('every group with its entries by state; one stream also with its schedules')
    .argument('[stream]', 'one stream')
    .action(act((session, [name]) => (name === undefined ? list(session) : one(session, name))))
  for (const action of ['pause', 'resume'] as const) {
    streams
      .command(action)
      .description(action === 'pause' ? 'workers of a group start no entry until resume' : 'ends a pause')
      .argument('<stream>')
      .argument('[group]', 'not needed when there is only one')
      .action(act((session, [name = '', group]) => turn(session, action, name, group)))
  }
  streams
    .command('find')
    .description('entries with all of some tags, newest first, and where they are')
    .argument('<stream>')
    .option('--tag <name=value>', 'a tag that the application gave to its entries; repeat it', collect)
    .option('--limit <n>', 'most entries: 1 to 100', '20')
    .option('--after <id>', 'the "next" of the page before')
    .action(act<FindOptions>((session, [name = ''], options) => find(session, name, options)))
  streams
    .command('cancel')
    .description('cancels an unfinished entry of a work queue with one group')
    .argument('<stream>')
    .argument('<entry>', 'its id')
    .action(act((session, [name = '', id = '']) => cancel(session, name, id)))
  streams
    .command('clear')
    .description('removes the waiting and delayed entries of a group')
    .argument('<stream>')
    .argument('[group]', 'not needed when there is only one')
    .action(act((session, [name = '', group]) => clear(session, name, group)))
}

async function list({ inspector, output, space }: Session): Promise<undefined> {
  const of = await space()
  const streams = await allPages((page) => inspector.streams(of, page))
  output.either(streams, () => {
    if (streams.length === 0) output.line('no stream is registered')
    else print(output, streams)
  })
}

function print(output: Session['output'], streams: readonly InspectedStream[]): void {
  output.table({
    head: [
      'STREAM',
      'KIND',
      'GROUP',
      'WAITING',
      'RUNNING',
      'DELAYED',
      'QUEUED',
      'DEAD',
      'OLDEST',
      'WORKERS',
      'STATE',
    ],
    rows: streams.flatMap((stream) => rowsOf(stream)),
  })
}

function rowsOf({ name, kind, entries, groups }: InspectedStream): readonly (readonly Cell[])[] {
  if (groups.length === 0) return [[name, kind, { text: `no group, ${entries} entries`, tone: 'dim' }]]
  return groups.map((group) => [
    name,
    kind,
    group.name,
    group.exact ? group.waiting : `~${group.waiting}`,
    group.running,
    group.delayed,
    group.queued,
    group.dead,
    age(group.oldestAgeMs),
    group.workers,
    stateCell(group.state),
  ])
}

async function one({ inspector, output, space }: Session, name: string): Promise<undefined> {
  const of = await space()
  const state = await inspector.streamState(of, name)
  const { schedules } = await inspector.stream(of, name)
  const all = await allPages((page) => schedules.list(page))
  output.either({ ...state, schedules: all }, () => {
    print(output, [state])
    if (all.length === 0) return
    output.line()
    output.table({
      head: ['SCHEDULE', 'WHEN', 'NEXT', 'LAST', 'DECLARED'],
      rows: all.map(({ id, cron, everyMs, timeZone, paused, nextAtMs, lastAtMs, declaredAtMs }) => [
        id,
        cron === undefined ? `every ${span(everyMs ?? 0)}` : `${cron} ${timeZone}`,
        paused ? { text: 'paused', tone: 'yellow' } : nextAtMs === undefined ? 'none' : time(nextAtMs),
        lastAtMs === undefined ? 'never' : time(lastAtMs),
        declaredAtMs === undefined ? 'unknown' : ago(declaredAtMs),
      ]),
    })
  })
}

/** The group that was given, or the only one. */
export async function groupOf(
  { inspector }: Session,
  space: string,
  stream: string,
  group: string | undefined,
): Promise<string> {
  if (group !== undefined) return group
  const { groups } = await inspector.streamState(space, stream)
  const [first, ...others] = groups
  if (first === undefined) throw new Failure(EXIT.no, `stream '${stream}' has no group`)
  if (others.length === 0) return first.name
  throw new Failure(EXIT.usage, `give a group, one of: ${groups.map(({ name }) => name).join(', ')}`)
}

async function turn(
  session: Session,
  action: 'pause' | 'resume',
  name: string,
  given: string | undefined,
): Promise<undefined> {
  const of = await session.space()
  const group = await groupOf(session, of, name, given)
  const changed = await (await session.inspector.stream(of, name)).group(group)[action]()
  const state = action === 'pause' ? 'paused' : 'running'
  session.output.either({ space: of, stream: name, group, changed, state }, () =>
    session.output.line(`group ${group} of ${name} ${changed ? `is ${state} now` : `was ${state} already`}`),
  )
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value]
}

async function find(
  { inspector, output, space }: Session,
  name: string,
  { tag = [], limit, after }: FindOptions,
): Promise<undefined> {
  const pairs = tag.map(
    (each) => [each.slice(0, each.indexOf('=')), each.slice(each.indexOf('=') + 1)] as const,
  )
  const names = new Set(pairs.map(([of]) => of))
  if (
    pairs.length === 0 ||
    names.has('') ||
    names.size < pairs.length ||
    tag.some((each) => !each.includes('='))
  )
    throw new Failure(EXIT.usage, 'give --tag name=value, such as --tag user=ann, and each name once')
  const of = await space()
  const { tagged } = await inspector.streamState(of, name)
  const opened = await inspector.stream(of, name)
  const page = await opened.tagged(Object.fromEntries(pairs), {
    limit: Number(limit),
    ...(after !== undefined && { after }),
  })
  output.either({ space: of, stream: name, tagged, ...page }, () => {
    if (page.items.length > 0) output.table(taggedTable(page.items))
    else if (tagged) output.line('no entry with these tags on this page')
    else output.line(`no entry: the processes of ${name} declare no tags`)
    if (page.next !== undefined) output.line(output.style.dim(`more: --after ${page.next}`))
  })
}

function taggedTable(items: readonly StreamTaggedEntry<unknown>[]): Table {
  return {
    head: ['ENTRY', 'STATE', 'ADDED', 'DUE', 'ATTEMPTS', 'PAYLOAD'],
    rows: items.map(({ id, state, addedAtMs, dueMs, attempts, payload }) => [
      id,
      state === 'dead'
        ? { text: state, tone: 'red' }
        : state === 'gone'
          ? { text: state, tone: 'dim' }
          : state,
      ago(addedAtMs),
      dueMs === undefined ? '' : time(dueMs),
      attempts,
      payload === undefined ? '' : JSON.stringify(payload),
    ]),
  }
}

async function cancel({ inspector, output, space }: Session, name: string, id: string): Promise<number> {
  const of = await space()
  const found = await (await inspector.stream(of, name)).cancel(id)
  output.either({ space: of, stream: name, id, ...found }, () =>
    output.line(found.changed ? `cancelled; it was ${found.state}` : `not cancelled: it is ${found.state}`),
  )
  return found.changed ? EXIT.done : EXIT.no
}

async function clear(session: Session, name: string, given: string | undefined): Promise<undefined> {
  const { inspector, output } = session
  const of = await session.space()
  const group = await groupOf(session, of, name, given)
  const found = (await inspector.streamState(of, name)).groups.find((each) => each.name === group)
  const count = found ? found.waiting + found.delayed + found.queued : 0
  await output.confirm(
    `Remove about ${plural(count, 'waiting entry', 'waiting entries')} of group ${group} of ${name}?`,
  )
  output.progress(`removing about ${count} entries`)
  const removed = await (await inspector.stream(of, name)).group(group).clear()
  output.progress()
  output.either({ space: of, stream: name, group, removed }, () =>
    output.line(`removed ${plural(removed, 'entry', 'entries')}`),
  )
}
