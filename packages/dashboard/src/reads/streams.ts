import {
  errorPattern,
  type InspectedEntry,
  type DeadLetter,
  type InspectStream,
  PenknifeError,
  type StreamEntryState,
} from '@penknife/core'

import type {
  DashboardReads,
  DeadLetterRow,
  EntryAnswer,
  ScheduleRow,
  Shown,
  StreamAnswer,
} from '../api-types.ts'
import { Refusal } from '../failures.ts'
import { id, name, oneOf, optional, page, pageOf, tags, text, whole, withDefault } from '../input.ts'
import { type Dashboard, read, type Read } from '../route.ts'
import { BRIEF, WHOLE } from '../shown.ts'

const ofStream = { space: name, stream: name }
const ofGroup = { ...ofStream, group: name }
const kind = oneOf('failed', 'never-retry', 'invalid', 'vanished')

type Names =
  | 'streams'
  | 'stream'
  | 'entries'
  | 'tagged'
  | 'entry'
  | 'dead-groups'
  | 'dead'
  | 'dead-letter'
  | 'schedules'

export const streamReads: { readonly [Name in Names]: Read<DashboardReads[Name]['answer']> } = {
  streams: read({ space: name, ...page }, async ({ space, ...at }, { inspector }) =>
    inspector.streams(space, pageOf(at)),
  ),
  stream: read(ofStream, ({ space, stream }, dashboard) => readStream(dashboard, space, stream, 0)),
  entries: read(
    { ...ofStream, ...page, order: withDefault(oneOf('newest', 'oldest'), 'newest') },
    async ({ space, stream, order, ...at }, dashboard) => {
      const opened = await dashboard.stream(space, stream)
      const { items, next } = await opened.read({ ...pageOf(at), reverse: order === 'newest' })
      return {
        items: items.map(({ id: entry, payload, addedAtMs }) => ({
          id: entry,
          addedAtMs,
          payload: dashboard.show(jsonOf(payload), { space, kind: 'payload', stream }, BRIEF),
        })),
        next,
      }
    },
  ),
  tagged: read(
    { ...ofStream, tags, limit: withDefault(whole(1, 100), 20), after: optional(id) },
    async ({ space, stream, tags: wanted, ...at }, dashboard) => {
      const { items, next } = await (await dashboard.stream(space, stream)).tagged(wanted, pageOf(at))
      const shown = { space, kind: 'payload', stream } as const
      return {
        items: items.map(({ id: entry, addedAtMs, state, attempts, dueMs, payload }) => ({
          id: entry,
          addedAtMs,
          state,
          attempts,
          ...(dueMs === undefined ? {} : { dueMs }),
          ...(payload === undefined ? {} : { payload: dashboard.show(jsonOf(payload), shown, BRIEF) }),
        })),
        next,
      }
    },
  ),
  entry: read({ ...ofStream, id }, ({ space, stream, id: entry }, dashboard) =>
    readEntry(dashboard, space, stream, entry),
  ),
  'dead-groups': read(ofGroup, ({ space, stream, group }, { inspector }) =>
    inspector.deadGroups(space, stream, group),
  ),
  dead: read(
    {
      ...ofGroup,
      ...page,
      error: optional(text(1000)),
      contains: optional(text(1000)),
      why: optional(kind),
    },
    async ({ space, stream, group, error, contains, why, ...at }, dashboard) => {
      const opened = await dashboard.stream(space, stream)
      const { items, next } = await opened.group(group).deadLetters.list({
        ...pageOf(at),
        ...(why === undefined ? {} : { why }),
        where: ({ reason }) =>
          (error === undefined || errorPattern(reason) === error) &&
          (contains === undefined || reason.includes(contains)),
      })
      return {
        items: items.map((letter) => letterRow(dashboard, space, stream, letter, BRIEF)),
        next,
      }
    },
  ),
  'dead-letter': read({ ...ofGroup, position: id }, async ({ space, stream, group, position }, dashboard) => {
    const opened = await dashboard.stream(space, stream)
    const letter = await opened.group(group).deadLetters.get(position)
    if (!letter) throw new Refusal('gone', 'There is no dead letter at this position any more.')
    return letterRow(dashboard, space, stream, letter, WHOLE)
  }),
  schedules: read(
    { space: name, stream: optional(name), ...page },
    async ({ space, stream, ...at }, dashboard) => {
      if (stream !== undefined) {
        const { schedules } = await dashboard.stream(space, stream)
        const { items, next } = await schedules.list(pageOf(at))
        return {
          items: items.map((schedule) => scheduleRow(dashboard, space, stream, schedule)),
          next,
        }
      }
      return schedulesOfAll(dashboard, space, at)
    },
  ),
}

function jsonOf(value: unknown): string {
  return JSON.stringify(value ?? null)
}

/** Schedules of all streams: the streams of a page, and at most 100 schedules of each. */
async function schedulesOfAll(
  dashboard: Dashboard,
  space: string,
  at: Parameters<typeof pageOf>[0],
): Promise<DashboardReads['schedules']['answer']> {
  const { items, next } = await dashboard.inspector.objects(space, { ...pageOf(at), feature: 'stream' })
  const lists = await Promise.all(
    items.map(async ({ name: stream }): Promise<readonly ScheduleRow[]> => {
      try {
        const { schedules } = await dashboard.stream(space, stream)
        const found = await schedules.list({ limit: 100 })
        return found.items.map((schedule) => scheduleRow(dashboard, space, stream, schedule))
      } catch (error) {
        // A stream whose options are too long or of another version cannot be opened.
        if (error instanceof PenknifeError && error.code === 'PENKNIFE_INVALID') return []
        throw error
      }
    }),
  )
  return { items: lists.flat(), next }
}

/** The most workers of a group that are listed. */
const MOST_CONSUMERS = 200

/** `over`: milliseconds over which rates are measured; 0: they are not. It takes that long unless it was called before. */
export async function readStream(
  { inspector, stream: open }: Dashboard,
  space: string,
  streamName: string,
  over: number,
): Promise<StreamAnswer> {
  const opened = await open(space, streamName)
  const [stream, found] = await Promise.all([
    inspector.streamState(space, streamName),
    opened.stats({ over }),
  ])
  const { bytes, addedPerSecond, overMs, groups } = found
  return {
    stream,
    ...(bytes === undefined ? {} : { bytes }),
    addedPerSecond,
    overMs,
    groups: groups.map(({ name: group, finishedPerSecond, served, consumers }) => ({
      name: group,
      finishedPerSecond,
      served,
      consumers: consumers.toSorted((a, b) => b.running - a.running).slice(0, MOST_CONSUMERS),
    })),
    findable: stream.kind === 'queue' && stream.groups.length === 1,
  }
}

/** How many dead letters are searched for that of an entry. */
const MOST_LETTERS = 10_000

async function readEntry(
  dashboard: Dashboard,
  space: string,
  stream: string,
  entry: string,
): Promise<EntryAnswer> {
  const opened = await dashboard.stream(space, stream)
  const source = { space, kind: 'payload', stream } as const
  const [{ items }, state] = await Promise.all([
    opened.read({ from: entry, to: entry, limit: 1 }),
    stateOf(dashboard, opened, space, stream, entry),
  ])
  const [found] = items
  const dead = state?.found.state === 'dead' ? await letterOf(opened, state.why.group, entry) : undefined
  const addedAtMs = Number.parseInt(entry, 10)
  const payload = state?.why.json ?? (found ? jsonOf(found.payload) : dead?.json)
  return {
    id: entry,
    addedAtMs,
    ...(payload === undefined ? {} : { payload: dashboard.show(payload, source, WHOLE) }),
    ...(state === undefined ? {} : detailsOf(dashboard, source, state)),
    ...(dead ? { dead: letterRow(dashboard, space, stream, dead, WHOLE) } : {}),
    timeline: timelineOf(addedAtMs, state, dead),
  }
}

interface State {
  readonly found: StreamEntryState
  readonly why: InspectedEntry
}

/** Undefined for a stream that is no work queue with one group. */
async function stateOf(
  { inspector }: Dashboard,
  opened: InspectStream,
  space: string,
  stream: string,
  entry: string,
): Promise<State | undefined> {
  try {
    const [found, why] = await Promise.all([opened.find(entry), inspector.explainEntry(space, stream, entry)])
    return { found, why }
  } catch (error) {
    if (error instanceof PenknifeError && error.code === 'PENKNIFE_INVALID') return undefined
    throw error
  }
}

async function letterOf(
  opened: InspectStream,
  group: string,
  entry: string,
): Promise<DeadLetter | undefined> {
  const { deadLetters } = opened.group(group)
  let letters = 0
  let after: string | undefined
  do {
    const { items, next } = await deadLetters.list({
      id: entry,
      limit: 1000,
      ...(after === undefined ? {} : { after }),
    })
    if (items[0]) return items[0]
    letters += 1000
    after = next
  } while (after !== undefined && letters < MOST_LETTERS)
  return undefined
}

type Details = Pick<EntryAnswer, 'why' | 'dueMs' | 'idleMs' | 'progress' | 'outcome'>

function detailsOf(dashboard: Dashboard, source: Parameters<Dashboard['show']>[1], state: State): Details {
  const { dueMs, idleMs, progress, outcome } = state.found
  // Its payload is shown after redact only.
  const { json: _json, ...why } = state.why
  const shown = (value: unknown): Shown => dashboard.show(jsonOf(value), source, WHOLE)
  return {
    why,
    ...(dueMs === undefined ? {} : { dueMs }),
    ...(idleMs === undefined ? {} : { idleMs }),
    ...(progress === undefined ? {} : { progress: shown(progress) }),
    ...(outcome === undefined
      ? {}
      : {
          outcome: {
            state: outcome.state,
            ...(outcome.state === 'done' ? { value: shown(outcome.value) } : {}),
            ...(outcome.state === 'dead' ? { reason: outcome.reason } : {}),
          },
        }),
  }
}

function timelineOf(
  addedAtMs: number,
  state: State | undefined,
  dead: DeadLetter | undefined,
): EntryAnswer['timeline'] {
  const { found, why } = state ?? {}
  const events = [{ atMs: addedAtMs, text: 'added' }]
  if (dead) events.push({ atMs: dead.diedAtMs, text: `dead after ${dead.attempts} attempts (${dead.why})` })
  if (found?.state === 'running' && found.idleMs !== undefined)
    events.push({
      atMs: Date.now() - found.idleMs,
      text: `lease renewed by ${why?.consumer ?? 'its worker'}`,
    })
  if (found?.dueMs !== undefined)
    events.push({ atMs: found.dueMs, text: found.state === 'retrying' ? 'next attempt' : 'due' })
  return events
}

export function letterRow(
  dashboard: Dashboard,
  space: string,
  stream: string,
  letter: DeadLetter,
  most: number,
): DeadLetterRow {
  const { json, key, traceparent, ...rest } = letter
  return {
    ...rest,
    ...(key === undefined ? {} : { key }),
    ...(traceparent === undefined ? {} : { traceparent }),
    error: errorPattern(letter.reason),
    payload: dashboard.show(json, { space, kind: 'payload', stream }, most),
  }
}

type Schedule = Awaited<ReturnType<InspectStream['schedules']['list']>>['items'][number]

function scheduleRow(dashboard: Dashboard, space: string, stream: string, schedule: Schedule): ScheduleRow {
  const { payload, timeField: _field, declared: _declared, ...rest } = schedule
  const defined = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined))
  return {
    ...(defined as Omit<ScheduleRow, 'stream' | 'payload'>),
    stream,
    payload: dashboard.show(jsonOf(payload), { space, kind: 'payload', stream }, BRIEF),
  }
}
