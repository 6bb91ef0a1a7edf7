import { badReply, readReply } from '../../redis/failures.ts'
import type { Reply } from '../../redis/script.ts'
import {
  streamOverview,
  streamScheduleRead,
  streamScheduleRemove,
  streamSchedulesDue,
  streamSchedulesList,
  streamScheduleTick,
  streamScheduleWrite,
} from '../../redis/scripts.gen.ts'
import { keyOf } from '../order.ts'
import type { Scope } from '../scope.ts'
import type { StreamSettings } from '../settings.ts'

/** A schedule as Redis has it; its definition is not read yet. */
export interface Stored {
  readonly id: string
  readonly definition: string
  /** Changes when the schedule changes or moves on. */
  readonly seen: string
  readonly nextAtMs: number | undefined
  readonly paused: boolean
  readonly declaredAtMs: number | undefined
  readonly lastAtMs: number | undefined
  readonly lastEntry: string | undefined
}

export interface Due {
  /** Redis' time. */
  readonly nowMs: number
  /** Whether Redis knows that the stream has or had schedules. */
  readonly known: boolean
  /** Until the first one that is not due; -1 without one. */
  readonly waitMs: number
  readonly items: readonly Stored[]
}

/** What a tick did, see lua/stream/schedule_tick.lua; the entry's id begins with a plus sign. */
export type Ticked = `+${string}` | 'missed' | 'overlap' | 'full' | 'stale' | 'early' | 'groups' | 'gone'

/** An occurrence to be added, as the caller saw it. */
export interface Tick {
  readonly id: string
  /** Key of the entry, if any. */
  readonly key: string | undefined
  /** Empty to add an entry now. */
  readonly seen: string
  readonly nextAtMs: number | undefined
  /** Empty to add nothing. */
  readonly payload: string
  /** The tags of the payload, to be appended to it. */
  readonly tags: string
}

/** The schedules of a stream in Redis. */
export type ScheduleStore = ReturnType<typeof createScheduleStore>

export function createScheduleStore(
  scope: Scope,
  {
    firstLimits,
    safety,
    tagging,
  }: Pick<StreamSettings<unknown, unknown>, 'firstLimits' | 'safety' | 'tagging'>,
) {
  const { keys, route, stream, key, groups: declared, bind, bindSafe, order } = scope
  const schedules = keys.schedules(stream)
  const due = keys.schedulesDue(stream)
  const ids = keys.scheduleIds(stream)
  const readOne = bind(streamScheduleRead, [])
  const write = bind(streamScheduleWrite, [])
  const remove = bind(streamScheduleRemove, [])
  const readDue = bind(streamSchedulesDue, [])
  const list = bind(streamSchedulesList, [])
  const overview = bind(streamOverview, [])
  const tick = bindSafe(streamScheduleTick, [firstLimits], safety)

  const places = [
    ...scope.groups.slice(0, 1).flatMap((group) => scope.placesOf(group)),
    ...(tagging ? [keys.tags(stream)] : []),
  ]

  /** The key of an entry, in the form of the script. */
  function keyOfTick({ key: given, payload }: Tick): string {
    if (!order || payload === '') return ''
    return keyOf(order, order.field === undefined ? undefined : JSON.parse(payload), given)
  }

  /** The groups of the stream, which may have been declared by other processes. */
  async function groupNames(): Promise<readonly string[]> {
    const [, , ...existing] = await overview(route, key)
    return [...new Set([...declared, ...(existing as readonly string[])])]
  }

  async function tickAlone(occurrence: Tick): Promise<Ticked> {
    const { id, seen, nextAtMs, payload, tags } = occurrence
    const names = await groupNames()
    const ofGroups = names.flatMap((group) => [keys.ready(stream, group), keys.delayed(stream, group)])
    // A port has as many keys for each item, and looking through the entries of groups takes a while.
    const port = bindSafe({ ...streamScheduleTick, batch: 1 }, [firstLimits], safety)
    const own = [key, schedules, due, ids]
    return (await port(
      route,
      ...own,
      ...ofGroups,
      ...places,
      id,
      seen,
      textOf(nextAtMs),
      payload + tags,
      names.join(' '),
      keyOfTick(occurrence),
    )) as Ticked
  }

  return {
    async read(id: string): Promise<{ readonly nowMs: number; readonly stored: Stored | undefined }> {
      const [nowMs, found] = await readOne(route, schedules, due, id)
      return readReply('stream/schedule_read', () => ({
        nowMs: nowMs as number,
        stored: found ? toStored(found) : undefined,
      }))
    },
    /** False when the schedule was changed since it was read; undefined when the stream has too many. */
    async write(
      id: string,
      before: Stored | undefined,
      definition: string,
      nextAtMs: number | undefined,
      { paused, declares }: { readonly paused: boolean; readonly declares: boolean },
    ): Promise<boolean | undefined> {
      const seen = before?.seen ?? ''
      const flags = [paused ? '1' : '', declares ? '1' : ''] as const
      const done = await write(route, schedules, due, ids, id, seen, definition, textOf(nextAtMs), ...flags)
      return done < 0 ? undefined : done === 1
    },
    async remove(id: string): Promise<boolean> {
      return (await remove(route, schedules, due, ids, id)) === 1
    },
    async due(skip: number): Promise<Due> {
      const [nowMs, known, waitMs, ...items] = await readDue(route, schedules, due, skip)
      return readReply('stream/schedules_due', () => ({
        nowMs: nowMs as number,
        known: known === 1,
        waitMs: waitMs as number,
        items: items.map(toStored),
      }))
    },
    async list(
      after: string,
      limit: number,
    ): Promise<{ readonly more: boolean; readonly items: readonly Stored[] }> {
      const [, more, ...items] = await list(route, schedules, due, ids, after, limit)
      return readReply('stream/schedules_list', () => ({ more: more === 1, items: items.map(toStored) }))
    },
    /** Calls of one tick of the event loop are carried out in order. */
    async tick(occurrence: Tick): Promise<Ticked> {
      const { id, seen, nextAtMs, payload, tags } = occurrence
      const own = [key, schedules, due, ids, ...places]
      const name = keyOfTick(occurrence)
      return (await tick(route, ...own, id, seen, textOf(nextAtMs), payload + tags, '', name)) as Ticked
    },
    /** As `tick`; adds nothing while a group has to finish the entry before. */
    async tickAlone(occurrence: Tick): Promise<Ticked> {
      const done = await tickAlone(occurrence)
      // A group was created in between.
      return done === 'groups' ? tickAlone(occurrence) : done
    },
  }
}

function textOf(ms: number | undefined): string {
  return ms === undefined ? '' : String(ms)
}

function toStored(reply: Reply): Stored {
  const fields = reply as readonly string[]
  if (!Array.isArray(reply) || !fields.every((text) => typeof text === 'string')) {
    throw badReply('schedules', 'a schedule is not a list of texts')
  }
  const [id = '', definition = '', seen = '', paused, declared, last, lastEntry] = fields
  return {
    id,
    definition,
    seen,
    nextAtMs: timeOf(seen.split(' ')[1]),
    paused: paused === '1',
    declaredAtMs: timeOf(declared),
    lastAtMs: timeOf(last),
    lastEntry: lastEntry || undefined,
  }
}

/** Undefined for a text that is no time. */
function timeOf(text: string | undefined): number | undefined {
  const ms = text ? Number(text) : Number.NaN
  return Number.isFinite(ms) ? ms : undefined
}
