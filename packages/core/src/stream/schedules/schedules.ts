import { reportFault } from '../../callbacks.ts'
import { PenknifeError } from '../../errors.ts'
import type { Topic } from '../../events.ts'
import { checkOptions, checkText, wholeNumber } from '../../options.ts'
import { checkPayload } from '../payload.ts'
import type { Scope } from '../scope.ts'
import type { StreamSettings } from '../settings.ts'
import type { StreamEvent } from '../event-types.ts'
import { createChanges } from './changes.ts'
import { keyOf } from '../order.ts'
import { checkSchedule, type Definition, fromText } from './definition.ts'
import { checkSchedules } from './check.ts'
import { createScheduleStore, type Stored, type Ticked } from './store.ts'
import { createTicker } from './ticker.ts'
import { createTimetable } from './timing.ts'
import type { StreamSchedule, StreamScheduled, StreamScheduleOptions, StreamSchedules } from './types.ts'

const LONGEST_ID = 128
const LARGEST_PAYLOAD = 64 << 10
/** Definitions that a process keeps, to declare them again when Redis has lost its data. */
const MOST_KEPT = 1000
/** A worker's process reads the schedules this long after its start, at random: processes that start together do not ask together. */
const WORKER_MS = [1000, 5000] as const

export interface ScheduleParts {
  readonly schedule: (id: string, options: StreamScheduleOptions<unknown, string>) => Promise<StreamScheduled>
  readonly schedules: StreamSchedules
  /** Adds what is due in this process from now on; the returned function ends that. */
  serve(): () => void
}

export function createSchedules<T>(
  scope: Scope,
  settings: StreamSettings<T, unknown>,
  topic: Topic<StreamEvent>,
): ScheduleParts {
  const { identity, title, runtime } = scope
  const store = createScheduleStore(scope, settings)
  const occurrencesOf = createTimetable()
  const { put, setPaused, run, unknown } = createChanges(store, title, occurrencesOf, tagsOf)
  const declared = new Set<string>()
  const kept = new Map<string, Definition>()
  const reported = new Set<string>()
  let unkeep: (() => void) | undefined

  const ticker = createTicker(
    {
      check: () =>
        checkSchedules({
          store,
          occurrencesOf,
          tagsOf,
          stopped: () => ticker.stopped,
          forgotten: async () => {
            for (const [id, definition] of kept) await put(id, definition)
          },
          ticked,
          broken: (id, error) => failed(id, error),
        }),
      failed: (error) => failed(undefined, error),
      succeeded: () => void reported.delete(''),
    },
    runtime,
  )

  /** The tags of a payload as its entries have it, after JSON. */
  function tagsOf(json: string): string {
    return settings.tagging?.textOf(JSON.parse(json)) ?? ''
  }

  function failed(schedule: string | undefined, error: unknown): void {
    if (topic.hasListeners) return topic.emit({ kind: 'schedule-failed', ...identity, schedule, error })
    // A process that only has a worker may have no schedules. The outage itself is reported by penknife.
    if (schedule === undefined && declared.size === 0) return
    // Once for each schedule, and once for each outage.
    if (reported.has(schedule ?? '') || reported.size >= MOST_KEPT) return
    reported.add(schedule ?? '')
    const what = schedule === undefined ? 'the schedules' : `schedule '${schedule}'`
    reportFault(`${what} of ${title} cannot be used now; tried again`, error)
  }

  function ticked(schedule: string, outcome: Ticked, atMs: number, nowMs: number): void {
    if (!topic.observed) return
    const event = { ...identity, schedule, atMs }
    if (outcome.startsWith('+')) {
      topic.emit({ kind: 'scheduled', ...event, id: outcome.slice(1), lateMs: nowMs - atMs })
    } else if (outcome === 'missed' || outcome === 'overlap') {
      topic.emit({ kind: 'occurrence-dropped', ...event, why: outcome })
    } else if (outcome === 'full') topic.emit({ kind: 'full', ...identity })
  }

  return {
    async schedule(id, options) {
      checkId(id)
      const { timing, missed, overlap, timeField, key } = checkSchedule(options)
      await occurrencesOf(timing)
      const { payload } = options
      // The schema sees the payload as handlers get it.
      const whole = timeField === undefined ? payload : { ...payload, [timeField]: Date.now() }
      keyOf(settings.order, whole, key)
      const json = await checkPayload(settings.schema, whole, LARGEST_PAYLOAD)
      tagsOf(json)
      const definition = {
        timing,
        missed,
        overlap,
        timeField,
        key,
        payload: timeField === undefined ? json : without(json, timeField),
      }
      const scheduled = await put(id, definition)
      declared.add(id)
      if (kept.has(id) || kept.size < MOST_KEPT) kept.set(id, definition)
      unkeep ??= ticker.keep()
      ticker.within(0)
      return scheduled
    },
    serve() {
      const end = ticker.keep()
      const [soonest, latest] = WORKER_MS
      ticker.within(soonest + Math.random() * (latest - soonest))
      return end
    },
    schedules: {
      async list(options = {}) {
        checkOptions('list', options, ['limit', 'after'])
        const limit = wholeNumber('limit', options.limit ?? 100, 1, 1000)
        const { more, items } = await store.list(
          options.after === undefined ? '' : checkId(options.after),
          limit,
        )
        return {
          items: items.map((stored) => toSchedule(stored, declared.has(stored.id))),
          next: more ? items.at(-1)?.id : undefined,
        }
      },
      async get(id) {
        const { stored } = await store.read(checkId(id))
        return stored && toSchedule(stored, declared.has(id))
      },
      pause: (id) => setPaused(checkId(id), true),
      async resume(id) {
        const done = await setPaused(checkId(id), false)
        ticker.within(0)
        return done
      },
      async run(id) {
        const { outcome, atMs } = await run(checkId(id))
        ticked(id, outcome, atMs, atMs)
        if (outcome.startsWith('+')) return outcome.slice(1)
        if (outcome === 'gone') throw unknown(id)
        if (outcome === 'full') {
          throw new PenknifeError('PENKNIFE_FULL', `${title} has reached its maxBacklog: run it later`)
        }
        return undefined
      },
      async remove(id) {
        checkId(id)
        declared.delete(id)
        kept.delete(id)
        return store.remove(id)
      },
    },
  }
}

function checkId(id: string): string {
  return checkText('schedule id', id, LONGEST_ID)
}

/** The JSON of an object without a field. */
function without(json: string, field: string): string {
  const { [field]: _, ...rest } = JSON.parse(json) as Record<string, unknown>
  return JSON.stringify(rest)
}

/** Without what its definition says, if something other than this version wrote that. */
function toSchedule(stored: Stored, declared: boolean): StreamSchedule {
  const { id, paused, nextAtMs, lastAtMs, lastEntry, declaredAtMs } = stored
  const { timing, missed, overlap, timeField, payload } = definitionOf(stored)
  const { cron, timeZone = 'UTC', everyMs } = timing as { cron?: string; timeZone?: string; everyMs?: number }
  return {
    id,
    cron,
    everyMs,
    timeZone,
    payload: payload === undefined ? undefined : (JSON.parse(payload) as unknown),
    timeField,
    missed,
    overlap,
    paused,
    nextAtMs,
    lastAtMs,
    lastEntry,
    declaredAtMs,
    declared,
  }
}

function definitionOf({ definition }: Stored): Partial<Definition> & Omit<Definition, 'payload'> {
  try {
    return fromText(definition)
  } catch {
    return { timing: {} as never, missed: 'once', overlap: 'allow', timeField: undefined }
  }
}
