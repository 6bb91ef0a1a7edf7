import {
  type DeadLetter,
  type DeadLetterKind,
  errorPattern,
  type InspectDeadFilter,
  type InspectedDeadAction,
} from '@penknife/core'
import type { Command } from 'commander'

import type { Act } from '../act.ts'
import { EXIT, Failure } from '../failure.ts'
import type { Session } from '../session.ts'
import { ago, plural, time } from '../spans.ts'
import { visible } from '../text.ts'
import { groupOf } from './streams.ts'

interface ListOptions {
  readonly group?: string
  readonly each?: true
  readonly limit: string
  readonly after?: string
  readonly like?: string
  readonly contains?: string
  readonly why?: string
}

interface ActOptions {
  readonly group?: string
  readonly like?: string
  readonly contains?: string
  readonly why?: string
  readonly id?: string
  readonly from?: string
  readonly to?: string
  readonly all?: true
  readonly dryRun?: true
  readonly most?: string
}

export function deadCommands(program: Command, act: Act): void {
  const dead = program.command('dead').description('dead letters: entries that a group gave up on')
  filtered(
    dead
      .command('list', { isDefault: true })
      .description('grouped by error, the most frequent first')
      .argument('<stream>')
      .option('--each', 'each letter instead, newest first')
      .option('--limit <n>', 'letters to read', '10000')
      .option('--after <position>', 'with --each: the "next" of the page before'),
  ).action(act<ListOptions>((session, [name = ''], options) => list(session, name, options)))
  dead
    .command('show')
    .description('one letter with its payload')
    .argument('<stream>')
    .argument('<which>', 'its position, or the id of its entry')
    .option('--group <name>', 'not needed when there is only one')
    .action(
      act<{ group?: string }>((session, [name = '', which = ''], { group }) =>
        show(session, name, which, group),
      ),
    )
  for (const action of ['requeue', 'purge'] as const) {
    filtered(
      dead
        .command(action)
        .description(
          action === 'requeue'
            ? 'gives letters back to their group, with all attempts again'
            : 'deletes letters for good',
        )
        .argument('<stream>')
        .argument('[position]', 'one letter; else give a filter, or --all'),
    )
      .option('--id <id>', 'the letter of one entry')
      .option('--from <time>', 'dead at this time or later: ISO 8601, or milliseconds since 1970')
      .option('--to <time>', 'dead at this time or earlier')
      .option('--all', 'every letter')
      .option('--most <n>', 'at most so many')
      .option('--dry-run', 'count them, and do nothing')
      .action(
        act<ActOptions>((session, [name = '', position], options) =>
          change(session, action, name, position, options),
        ),
      )
  }
}

function filtered(command: Command): Command {
  return command
    .option('--group <name>', 'not needed when there is only one')
    .option('--like <position>', 'letters with the same error as this one, such as the EXAMPLE of the list')
    .option('--contains <text>', 'letters whose message contains a text')
    .option('--why <kind>', 'failed, never-retry, invalid or vanished')
}

async function list(session: Session, name: string, options: ListOptions): Promise<undefined> {
  const { inspector, output } = session
  const of = await session.space()
  const group = await groupOf(session, of, name, options.group)
  const limit = countOf('--limit', options.limit)
  if (options.each || options.contains !== undefined || options.like !== undefined) {
    await listEach(session, of, name, group, limit, options)
    return
  }
  output.progress('reading dead letters')
  const why = whyOf(options)
  const found = await inspector.deadGroups(of, name, group, { letters: limit, ...(why && { why }) })
  output.progress()
  output.either({ space: of, stream: name, group, ...found }, () => {
    if (found.letters === 0) output.line('no dead letters')
    else {
      output.table({
        head: ['COUNT', 'WHY', 'LAST', 'EXAMPLE', 'ERROR'],
        rows: found.items.map(({ count, why: kind, lastAtMs, examples, error }) => [
          count,
          kind,
          ago(lastAtMs),
          examples[0],
          error,
        ]),
      })
      if (!found.complete)
        output.line(output.style.dim(`the newest ${found.letters}; there are more: --limit`))
    }
  })
}

async function listEach(
  { inspector, output }: Session,
  space: string,
  name: string,
  group: string,
  limit: number,
  { after, like, contains, why }: ListOptions,
): Promise<void> {
  const letters = (await inspector.stream(space, name)).group(group).deadLetters
  const kind = whyOf({ ...(why !== undefined && { why }) })
  const error = like === undefined ? undefined : await errorOf(letters, like)
  const page = await letters.list({
    limit: Math.min(limit, 1000),
    ...(after !== undefined && { after }),
    ...(kind && { why: kind }),
    where: ({ reason }) =>
      (error === undefined || errorPattern(reason) === error) &&
      (contains === undefined || reason.includes(contains)),
  })
  const { items } = page
  output.either({ space, stream: name, group, items, next: page.next }, () => {
    if (items.length === 0) output.line('no such letter on this page')
    else {
      output.table({
        head: ['POSITION', 'ENTRY', 'DIED', 'WHY', 'ATTEMPTS', 'ERROR', 'PAYLOAD'],
        rows: items.map((letter) => [
          letter.position,
          letter.id,
          ago(letter.diedAtMs),
          letter.why,
          letter.attempts,
          letter.reason,
          letter.json,
        ]),
      })
    }
    if (page.next !== undefined) output.line(output.style.dim(`more: --after ${page.next}`))
  })
}

async function show(
  session: Session,
  name: string,
  which: string,
  given: string | undefined,
): Promise<number> {
  const { inspector, output } = session
  const of = await session.space()
  const group = await groupOf(session, of, name, given)
  const letters = (await inspector.stream(of, name)).group(group).deadLetters
  const letter = (await letters.get(which)) ?? (await byEntry(letters, which))
  if (!letter) throw new Failure(EXIT.no, `no dead letter ${which}`)
  output.either(letter, () => printLetter(output, letter))
  return EXIT.done
}

type Letters = ReturnType<Awaited<ReturnType<Session['inspector']['stream']>>['group']>['deadLetters']

/** The error of the letter at a position, without numbers and ids. */
async function errorOf(letters: Letters, position: string): Promise<string> {
  const letter = await letters.get(position)
  if (!letter) throw new Failure(EXIT.no, `no dead letter at ${position}`)
  return errorPattern(letter.reason)
}

async function byEntry(letters: Letters, id: string): Promise<DeadLetter | undefined> {
  for await (const letter of letters.iterate({ id, pageEntries: 1000 })) return letter
  return undefined
}

function printLetter(output: Session['output'], letter: DeadLetter): void {
  const rows: readonly (readonly [string, string | number | undefined])[] = [
    ['position', letter.position],
    ['entry', letter.id],
    ['key', letter.key],
    ['died', `${time(letter.diedAtMs)} (${ago(letter.diedAtMs)})`],
    ['why', letter.why],
    ['attempts', letter.attempts],
    ['error', letter.reason],
    ['traceparent', letter.traceparent],
  ]
  for (const [title, value] of rows) {
    if (value !== undefined) output.line(`${output.style.dim(title.padEnd(12))}${visible(String(value))}`)
  }
  output.line(output.style.dim('payload'))
  output.line(payloadOf(letter.json))
}

/** Indented if it is JSON. All of it: this is the command that shows it. */
function payloadOf(json: string): string {
  let text = json
  try {
    text = JSON.stringify(JSON.parse(json), undefined, 2)
  } catch {
    // It may have been written by another program.
  }
  return text
    .split('\n')
    .map((line) => visible(line, 2 ** 21))
    .join('\n')
}

async function change(
  session: Session,
  action: 'requeue' | 'purge',
  name: string,
  position: string | undefined,
  options: ActOptions,
): Promise<number> {
  const { inspector, output, signal } = session
  const of = await session.space()
  const group = await groupOf(session, of, name, options.group)
  if (position !== undefined) {
    const done = await single(session, action, of, name, group, position, options.dryRun === true)
    return done > 0 ? EXIT.done : EXIT.no
  }
  const filter = filterOf(options)
  const letters = (await inspector.stream(of, name)).group(group).deadLetters
  if (options.like !== undefined) Object.assign(filter, { error: await errorOf(letters, options.like) })
  if (Object.keys(filter).length === 0 && !options.all) {
    throw new Failure(EXIT.usage, 'give the position of a letter, a filter such as --like, or --all')
  }
  const act = action === 'requeue' ? inspector.requeueDead : inspector.purgeDead
  const most = options.most === undefined ? {} : { most: countOf('--most', options.most) }
  const run = (
    dryRun: boolean,
    onPage: (soFar: InspectedDeadAction) => void = () => {},
  ): Promise<InspectedDeadAction> =>
    act(of, name, group, filter, {
      dryRun,
      signal,
      ...most,
      onProgress(soFar) {
        onPage(soFar)
        const { read, matched, done } = soFar
        output.progress(dryRun ? `${matched} of ${read} letters match` : `${done} letters done`)
      },
    })
  const found = await run(true)
  output.progress()
  if (options.dryRun || found.matched === 0) {
    output.either({ space: of, stream: name, group, action, ...found }, () =>
      output.line(`${found.matched} of ${found.read} letters match; nothing was done`),
    )
    return found.matched > 0 ? EXIT.done : EXIT.no
  }
  const verb = action === 'requeue' ? 'Requeue' : 'Delete'
  await output.confirm(
    `${verb} ${plural(found.matched, 'dead letter', 'dead letters')} of group ${group} of ${name}?`,
  )
  let result: InspectedDeadAction = { read: 0, matched: 0, done: 0 }
  let interrupted = false
  try {
    result = await run(false, (soFar) => (result = soFar))
  } catch (error) {
    if (!signal.aborted) throw error
    interrupted = true
  }
  output.progress()
  output.either({ space: of, stream: name, group, action, ...result, interrupted }, () =>
    output.line(
      `${interrupted ? 'interrupted: ' : ''}${plural(result.done, 'letter', 'letters')} ${action === 'requeue' ? 'requeued' : 'deleted'}`,
    ),
  )
  return interrupted ? EXIT.interrupted : EXIT.done
}

async function single(
  { inspector, output }: Session,
  action: 'requeue' | 'purge',
  space: string,
  name: string,
  group: string,
  position: string,
  dryRun: boolean,
): Promise<number> {
  const letters = (await inspector.stream(space, name)).group(group).deadLetters
  if (!(await letters.get(position))) throw new Failure(EXIT.no, `no dead letter at ${position}`)
  if (!dryRun && action === 'purge') await output.confirm(`Delete the dead letter ${position} of ${name}?`)
  const done = dryRun ? 0 : await letters[action](position)
  output.either({ space, stream: name, group, action, read: 1, matched: 1, done }, () =>
    output.line(dryRun ? 'it exists; nothing was done' : action === 'requeue' ? 'requeued' : 'deleted'),
  )
  return dryRun ? 1 : done
}

function filterOf({ contains, why, id, from, to }: ActOptions): InspectDeadFilter {
  const kind = whyOf({ ...(why !== undefined && { why }) })
  return {
    ...(contains !== undefined && { contains }),
    ...(kind && { why: kind }),
    ...(id !== undefined && { id }),
    ...(from !== undefined && { from: timeOf('--from', from) }),
    ...(to !== undefined && { to: timeOf('--to', to) }),
  }
}

/** The library checks it. */
function whyOf({ why }: { readonly why?: string }): DeadLetterKind | undefined {
  return why as DeadLetterKind | undefined
}

function timeOf(option: string, text: string): string | number {
  if (/^\d+(-\d+)?$/.test(text)) return text
  const ms = Date.parse(text)
  if (Number.isNaN(ms)) throw new Failure(EXIT.usage, `${option}: give a time such as 2026-11-30T08:00:00Z`)
  return ms
}

function countOf(option: string, text: string): number {
  const count = Number(text)
  if (!Number.isInteger(count) || count < 1)
    throw new Failure(EXIT.usage, `${option}: give a whole number from 1`)
  return count
}
