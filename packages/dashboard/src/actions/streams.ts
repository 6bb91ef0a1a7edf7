import type { InspectDeadFilter, InspectStream } from '@penknife/core'

import type { ActionAnswer, DashboardActions } from '../api-types.ts'
import { Refusal } from '../failures.ts'
import { flag, id, name, objectOf, oneOf, optional, text, whole, withDefault } from '../input.ts'
import { type Action, action, answer, type Dashboard } from '../route.ts'
import { WHOLE } from '../shown.ts'

const ofStream = { space: name, stream: name }
const ofGroup = { ...ofStream, group: name }
const ofEntry = { ...ofStream, id }
const SCHEDULE = { ...ofStream, id: text(256) }
const GROUP = ['space', 'stream', 'group'] as const
const ENTRY = ['space', 'stream', 'id'] as const

/** Milliseconds of year 9999. */
const LAST_MS = 253_402_300_799_999
const time = whole(0, LAST_MS)
const bound: typeof id = (of, value) =>
  typeof value === 'string' ? id(of, value) : (time(of, value) as never)

const filter = objectOf({
  error: optional(text(1000)),
  contains: optional(text(1000)),
  why: optional(oneOf('failed', 'never-retry', 'invalid', 'vanished')),
  id: optional(id),
  from: optional(bound),
  to: optional(bound),
})

const selection = {
  ...ofGroup,
  position: optional(id),
  filter: optional(filter),
  dryRun: withDefault(flag, false),
  most: withDefault(whole(1, 100_000), 10_000),
}

type Names = Extract<
  keyof DashboardActions,
  `stream.${string}` | `entry.${string}` | `dead.${string}` | `schedule.${string}`
>

export const streamActions: { readonly [Name in Names]: Action } = {
  'stream.pause': action(ofGroup, GROUP, async ({ space, stream, group }, dashboard) => {
    const changed = await (await dashboard.stream(space, stream)).group(group).pause()
    return answer(changed, 'The group is paused.', 'The group was paused already.')
  }),
  'stream.resume': action(ofGroup, GROUP, async ({ space, stream, group }, dashboard) => {
    const changed = await (await dashboard.stream(space, stream)).group(group).resume()
    return answer(changed, 'The group runs again.', 'The group was not paused.')
  }),
  'stream.clear': action(ofGroup, GROUP, async ({ space, stream, group }, dashboard) => {
    const count = await (await dashboard.stream(space, stream)).group(group).clear()
    return { ...answer(count > 0, `Removed ${count} entries.`, 'No entry was waiting.'), count }
  }),

  'entry.cancel': action(ofEntry, ENTRY, async ({ space, stream, id: entry }, dashboard) => {
    const { changed, state } = await (await dashboard.stream(space, stream)).cancel(entry)
    return answer(
      changed,
      `The entry was ${state}, and is cancelled.`,
      `Nothing was done: the entry is ${state}.`,
    )
  }),
  'entry.reschedule': action(
    { ...ofEntry, atMs: time },
    ENTRY,
    async ({ space, stream, id: entry, atMs }, dashboard) => {
      const { changed, state } = await (await dashboard.stream(space, stream)).reschedule(entry, atMs)
      return answer(changed, 'The entry has another time.', `Nothing was done: the entry is ${state}.`)
    },
  ),
  'entry.retry': action(ofEntry, ENTRY, ({ space, stream, id: entry }, dashboard) =>
    retry(dashboard, space, stream, entry),
  ),

  'dead.requeue': dead('requeue'),
  'dead.purge': dead('purge'),
  'dead.edit': action(
    { ...ofGroup, position: id, json: text(1 << 20) },
    [...GROUP, 'position'],
    async (input, dashboard) => edit(dashboard, input),
  ),

  'schedule.pause': schedule('pause', 'The schedule is paused.', 'The schedule was paused already.'),
  'schedule.resume': schedule('resume', 'The schedule runs again.', 'The schedule was not paused.'),
  'schedule.remove': schedule('remove', 'The schedule is removed.', 'There is no such schedule any more.'),
  'schedule.run': action(SCHEDULE, ENTRY, async ({ space, stream, id: of }, dashboard) => {
    const added = await (await dashboard.stream(space, stream)).schedules.run(of)
    if (added === undefined)
      return { changed: false, text: 'Nothing was added: the entry before is not finished (overlap: skip).' }
    return { changed: true, text: `Added the entry ${added}.`, id: added }
  }),
}

function schedule(verb: 'pause' | 'resume' | 'remove', done: string, nothing: string): Action {
  return action(SCHEDULE, ENTRY, async ({ space, stream, id: of }, dashboard) =>
    answer(await (await dashboard.stream(space, stream)).schedules[verb](of), done, nothing),
  )
}

const DONE = { requeue: 'Requeued', purge: 'Deleted' } as const

function dead(verb: 'requeue' | 'purge'): Action {
  return action(
    selection,
    [...GROUP, 'position', 'filter'],
    async ({ space, stream, group, position, filter: given, dryRun, most }, dashboard) => {
      if ((position === undefined) === (given === undefined))
        throw new Refusal('invalid', 'Give either "position" or "filter"; the filter {} selects all.')
      if (position !== undefined) {
        const letters = (await dashboard.stream(space, stream)).group(group).deadLetters
        const done = dryRun ? 0 : await letters[verb](position)
        const matched = dryRun ? ((await letters.get(position)) ? 1 : 0) : done
        return lettersAnswer(verb, dryRun, { read: 1, matched, done })
      }
      const { inspector } = dashboard
      const act = verb === 'requeue' ? inspector.requeueDead : inspector.purgeDead
      const chosen = Object.fromEntries(
        Object.entries(given as object).filter(([, value]) => value !== undefined),
      ) as InspectDeadFilter
      return lettersAnswer(verb, dryRun, await act(space, stream, group, chosen, { dryRun, most }))
    },
  )
}

function lettersAnswer(
  verb: 'requeue' | 'purge',
  dryRun: boolean,
  letters: NonNullable<ActionAnswer['letters']>,
): ActionAnswer {
  const { matched, done } = letters
  const found = dryRun
    ? `${matched} ${matched === 1 ? 'dead letter matches' : 'dead letters match'}. Nothing was done.`
    : `${DONE[verb]} ${done} ${done === 1 ? 'dead letter' : 'dead letters'}.`
  return { changed: done > 0, text: matched === 0 ? 'No dead letter matches.' : found, count: done, letters }
}

/** Handles an entry as soon as a worker is free. */
async function retry(
  dashboard: Dashboard,
  space: string,
  stream: string,
  entry: string,
): Promise<ActionAnswer> {
  const opened = await dashboard.stream(space, stream)
  const { state } = await opened.find(entry)
  if (state === 'dead') {
    const count = await requeueEntry(dashboard, opened, space, stream, entry)
    return answer(count > 0, 'The dead letter is requeued.', 'There is no dead letter of it any more.')
  }
  if (state !== 'delayed' && state !== 'retrying')
    return { changed: false, text: `Nothing was done: the entry is ${state}.` }
  const moved = await opened.reschedule(entry, 0)
  return answer(moved.changed, 'The entry runs next.', `Nothing was done: the entry is ${moved.state}.`)
}

async function requeueEntry(
  { inspector }: Dashboard,
  opened: InspectStream,
  space: string,
  stream: string,
  entry: string,
): Promise<number> {
  const { groups } = await inspector.streamState(space, opened.name)
  const [group] = groups
  if (group === undefined) return 0
  const { done } = await inspector.requeueDead(space, stream, group.name, { id: entry }, { most: 1 })
  return done
}

interface Edit {
  readonly space: string
  readonly stream: string
  readonly group: string
  readonly position: string
  readonly json: string
}

/** Requeues a dead letter with another payload, in one script. */
async function edit(
  dashboard: Dashboard,
  { space, stream, group, position, json }: Edit,
): Promise<ActionAnswer> {
  let payload: unknown
  try {
    payload = JSON.parse(json)
  } catch {
    throw new Refusal('invalid', '"json" is no JSON.')
  }
  const opened = await dashboard.stream(space, stream)
  const letter = await opened.group(group).deadLetters.get(position)
  if (!letter) return { changed: false, text: 'There is no dead letter at this position any more.' }
  const shown = dashboard.show(letter.json, { space, kind: 'payload', stream }, WHOLE)
  // The user did not see all of it, and would replace the rest.
  if (shown.kind === 'hidden' || shown.redacted)
    throw new Refusal('forbidden', 'A payload that is not shown completely cannot be edited.')
  const count = await opened.group(group).deadLetters.requeue(position, { payload })
  return answer(
    count > 0,
    'Requeued with the new payload.',
    'There is no dead letter at this position any more.',
  )
}
