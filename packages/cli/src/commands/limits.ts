import type { Duration, InspectedSubject, LimiterSubject } from '@penknife/core'
import type { Command } from 'commander'

import type { Act } from '../act.ts'
import { EXIT, Failure } from '../failure.ts'
import { allPages } from '../pages.ts'
import type { Session } from '../session.ts'
import { ago, span } from '../spans.ts'
import { visible } from '../text.ts'

interface SubjectOptions {
  readonly part?: readonly string[]
}

const collect = (value: string, all: readonly string[] = []): readonly string[] => [...all, value]

export function limitCommands(program: Command, act: Act): void {
  const limits = program.command('limits').description('rate limiters and their subjects')
  parts(
    limits
      .command('show', { isDefault: true })
      .description('limiters; one limiter with its endless blocks; or one subject with its state')
      .argument('[limiter]')
      .argument('[subject]')
      .option('--cost <n>', 'the cost of the call that is asked about', '1'),
  ).action(
    act<SubjectOptions & { cost: string }>((session, [name, text], options) =>
      show(session, name, text, options),
    ),
  )
  limits
    .command('denied')
    .description('the most denied subjects of the last five minutes, of all processes')
    .argument('<limiter>')
    .option('--limit <n>', 'rows', '50')
    .action(act<{ limit: string }>((session, [name = ''], options) => denied(session, name, options.limit)))
  parts(
    limits
      .command('block')
      .description('denies every call of a subject')
      .argument('<limiter>')
      .argument('[subject]')
      .requiredOption('--for <time>', "such as 1h, or 'forever'")
      .requiredOption('--reason <text>', 'reported with each denied call')
      .option('--per <part>', 'the part of the subject that is blocked'),
  ).action(
    act<SubjectOptions & { for: string; reason: string; per?: string }>(
      (session, [name = '', text], options) => block(session, name, text, options),
    ),
  )
  parts(
    limits
      .command('unblock')
      .description('ends a block or a ban')
      .argument('<limiter>')
      .argument('[subject]')
      .option('--per <part>', 'the part of the subject that was blocked'),
  ).action(
    act<SubjectOptions & { per?: string }>((session, [name = '', text], options) =>
      unblock(session, name, text, options),
    ),
  )
  parts(
    limits
      .command('reset')
      .description('forgets everything about a subject: used tokens, slots and its block')
      .argument('<limiter>')
      .argument('[subject]'),
  ).action(act<SubjectOptions>((session, [name = '', text], options) => reset(session, name, text, options)))
}

export function parts(command: Command): Command {
  return command.option('--part <name=value>', 'one part of a subject that is an object; repeat it', collect)
}

/** A subject from the arguments: text, or an object of parts. */
export function subjectOf(text: string | undefined, { part = [] }: SubjectOptions): LimiterSubject {
  if (part.length === 0) {
    if (text === undefined)
      throw new Failure(EXIT.usage, 'give a subject, or --part name=value for each of its parts')
    return text
  }
  if (text !== undefined) throw new Failure(EXIT.usage, 'give either a subject or --part, not both')
  return Object.fromEntries(
    part.map((each) => {
      const at = each.indexOf('=')
      if (at < 1) throw new Failure(EXIT.usage, '--part: give name=value, such as tenant=acme')
      return [each.slice(0, at), each.slice(at + 1)]
    }),
  )
}

export function subjectText(subject: LimiterSubject): string {
  return typeof subject === 'string'
    ? subject
    : Object.entries(subject)
        .map((part) => part.join('='))
        .join(' ')
}

async function show(
  session: Session,
  name: string | undefined,
  text: string | undefined,
  options: SubjectOptions & { readonly cost: string },
): Promise<undefined> {
  if (name === undefined) await list(session)
  else if (text === undefined && options.part === undefined) await one(session, name)
  else {
    const found = await session.inspector.explainSubject(
      await session.space(),
      name,
      subjectOf(text, options),
      {
        cost: Number(options.cost),
      },
    )
    session.output.either(found, () => printSubject(session.output, found))
  }
}

/** The state of a subject, for `limits show` and `explain subject`. */
export function printSubject(output: Session['output'], found: InspectedSubject): void {
  const { style } = output
  output.line(
    `${found.allowed ? style.green('passes') : `${style.red('denied')} (${found.reason ?? ''})`}  ${visible(found.text)}`,
  )
  if (found.blocked) return
  output.table({
    head: ['RULE', 'ALGORITHM', 'LIMIT', 'LEFT', 'NEXT IN', 'FULL IN', ''],
    rows: [
      ...found.rules.map((rule) => [
        rule.name,
        rule.algorithm,
        rule.burst,
        rule.remaining,
        span(rule.nextMs),
        span(rule.resetMs),
        found.violated.includes(rule.name) ? ({ text: 'denies', tone: 'red' } as const) : '',
      ]),
      ...found.shadow.map((rule) => [
        rule.name,
        rule.algorithm,
        rule.burst,
        rule.remaining,
        span(rule.nextMs),
        span(rule.resetMs),
        { text: rule.allowed ? 'shadow' : 'shadow, would deny', tone: 'dim' } as const,
      ]),
    ],
  })
}

async function list({ inspector, output, space }: Session): Promise<void> {
  const of = await space()
  const limiters = await allPages((page) => inspector.limiters(of, page))
  output.either(limiters, () => {
    if (limiters.length === 0) {
      output.line('no limiter is registered')
      return
    }
    output.table({
      head: ['LIMITER', 'RULE', 'ALGORITHM', 'LIMIT', 'WINDOW', 'PER', ''],
      rows: limiters.flatMap(({ name, rules }) =>
        rules.length === 0
          ? [[name, 'its rules cannot be read']]
          : rules.map((rule) => [
              name,
              rule.name,
              rule.algorithm,
              rule.burst,
              rule.windowMs === undefined ? '' : span(rule.windowMs),
              rule.per,
              rule.shadow ? 'shadow' : '',
            ]),
      ),
    })
  })
}

async function one({ inspector, output, space }: Session, name: string): Promise<void> {
  const limiter = await inspector.limiter(await space(), name)
  const blocks = await allPages((page) => limiter.blocks({ limit: 1000, ...page }))
  output.either({ name, rules: limiter.rules, blocks }, () => {
    output.table({
      head: ['RULE', 'ALGORITHM', 'LIMIT', 'WINDOW'],
      rows: limiter.rules.map((rule) => [
        rule.name,
        rule.algorithm,
        rule.burst,
        rule.windowMs === undefined ? '' : span(rule.windowMs),
      ]),
    })
    output.line()
    if (blocks.length === 0) output.line('No subject is blocked without an end.')
    else {
      output.table({
        head: ['BLOCKED', 'PART', 'REASON'],
        rows: blocks.map(({ subject, per, reason }) => [subjectText(subject), per, reason]),
      })
    }
  })
}

async function denied({ inspector, output, space }: Session, name: string, rows: string): Promise<undefined> {
  const of = await space()
  // A wrong name is an error, and not an empty list.
  await inspector.limiterState(of, name)
  const found = await inspector.deniedSubjects(of, name, { limit: Number(rows) })
  output.either(found, () => {
    const { items, overMs, atMostMissing } = found
    if (items.length === 0) {
      output.line(`no denial was counted in the last ${span(overMs)}`)
      return
    }
    output.table({
      head: ['DENIED', 'SUBJECT', 'RULE', 'LAST'],
      rows: items.map(({ count, subject, rule, lastAtMs }) => [
        count,
        subjectText(subject),
        rule ?? { text: 'blocked', tone: 'red' },
        ago(lastAtMs),
      ]),
    })
    const more = atMostMissing > 0 ? `; each may be up to ${atMostMissing.toLocaleString('en-US')} more` : ''
    output.line(output.style.dim(`in the last ${span(overMs)}${more}`))
  })
}

async function block(
  { inspector, output, space }: Session,
  name: string,
  text: string | undefined,
  options: SubjectOptions & { readonly for: string; readonly reason: string; readonly per?: string },
): Promise<undefined> {
  const subject = subjectOf(text, options)
  const { reason, per } = options
  const of = await space()
  await (
    await inspector.limiter(of, name)
  ).block(subject, { duration: options.for as Duration, reason, ...(per !== undefined && { per }) })
  output.either({ space: of, limiter: name, subject, blocked: true }, () =>
    output.line(
      `blocked ${visible(subjectText(subject))} ${options.for === 'forever' ? 'forever' : `for ${options.for}`}`,
    ),
  )
}

async function unblock(
  { inspector, output, space }: Session,
  name: string,
  text: string | undefined,
  options: SubjectOptions & { readonly per?: string },
): Promise<number> {
  const subject = subjectOf(text, options)
  const of = await space()
  const limiter = await inspector.limiter(of, name)
  const unblocked = await limiter.unblock(subject, options.per === undefined ? {} : { per: options.per })
  output.either({ space: of, limiter: name, subject, unblocked }, () =>
    output.line(
      `${visible(subjectText(subject))} ${unblocked ? 'is not blocked any more' : 'was not blocked'}`,
    ),
  )
  return unblocked ? EXIT.done : EXIT.no
}

async function reset(
  { inspector, output, space }: Session,
  name: string,
  text: string | undefined,
  options: SubjectOptions,
): Promise<number> {
  const subject = subjectOf(text, options)
  const of = await space()
  const limiter = await inspector.limiter(of, name)
  await output.confirm(`Forget everything about ${subjectText(subject)} under limiter ${name}?`)
  const found = await limiter.reset(subject)
  output.either({ space: of, limiter: name, subject, ...found }, () =>
    output.line(
      found.found
        ? `forgotten: its quota is full${found.blocks.length > 0 ? ', and it is not blocked any more' : ''}`
        : 'nothing was stored',
    ),
  )
  return found.found ? EXIT.done : EXIT.no
}
