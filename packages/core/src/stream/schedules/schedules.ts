import { reportFault } from '../../callbacks.ts'
import { invalid, PenknifeError } from '../../errors.ts'
import type { Topic } from '../../events.ts'
import { checkOptions, checkText, wholeNumber } from '../../options.ts'
import { checkPayload } from '../add.ts'
import { readReply } from '../../redis/failures.ts'
import type { Scope } from '../scope.ts'
import type { StreamSettings } from '../settings.ts'
import type { StreamEvent } from '../types.ts'
import { checkSchedule, type Definition, fromText, payloadAt, toText } from './definition.ts'
import { look } from './look.ts'
import { createScheduleStore, type Stored, type Ticked } from './store.ts'
import { createTicker } from './ticker.ts'
import { createTimetable } from './timing.ts'
import type { StreamSchedule, StreamScheduled, StreamScheduleOptions, StreamSchedules } from './types.ts'

const LONGEST_ID = 128
const LARGEST_PAYLOAD = 64 << 10
/** Definitions that a process keeps, to declare them again when Redis has lost its data. */
const MOST_KEPT = 1000
/** How often a change is tried that others overtake. */
const TRIES = 20
/** A worker's process looks for schedules this long after its start, at random: processes that start together do not ask together. */
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
  const declared = new Set<string>()
  const kept = new Map<string, Definition>()
  const reported = new Set<string>()
  let unkeep: (() => void) | undefined

  const ticker = createTicker(
    {
      look: () =>
        look({
          store,
          occurrencesOf,
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

  function failed(schedule: string | undefined, error: unknown): void {
    if (topic.heard) return topic.emit({ kind: 'schedule-failed', ...identity, schedule, error })
    // Once for each schedule, and once for each outage.
    if (reported.has(schedule ?? '') || reported.size >= MOST_KEPT) return
    reported.add(schedule ?? '')
    const what = schedule === undefined ? 'the schedules' : `schedule '${schedule}'`
    reportFault(`${what} of ${title} cannot be used now; tried again`, error)
  }

  function ticked(schedule: string, outcome: Ticked, atMs: number, nowMs: number): void {
    if (!topic.heard) return
    const event = { ...identity, schedule, atMs }
    if (outcome.startsWith('+')) {
      topic.emit({ kind: 'scheduled', ...event, id: outcome.slice(1), lateMs: nowMs - atMs })
    } else if (outcome === 'missed' || outcome === 'overlap') {
      topic.emit({ kind: 'occurrence-dropped', ...event, why: outcome })
    } else if (outcome === 'full') topic.emit({ kind: 'full', ...identity })
  }

  /** Repeats a change until nobody else changed the schedule between its read and its write. */
  async function change<Result>(
    id: string,
    attempt: (nowMs: number, stored: Stored | undefined) => Promise<Result | undefined>,
  ): Promise<Result> {
    for (let tries = 0; tries < TRIES; tries++) {
      const { nowMs, stored } = await store.read(id)
      const result = await attempt(nowMs, stored)
      if (result !== undefined) return result
    }
    throw new PenknifeError(
      'PENKNIFE_UNAVAILABLE',
      `schedule '${id}' of ${title} was changed by others ${TRIES} times in between: try again`,
    )
  }

  async function put(id: string, definition: Definition): Promise<StreamScheduled> {
    const text = toText(definition)
    const occurrences = await occurrencesOf(definition.timing)
    return change<StreamScheduled>(id, async (nowMs, stored) => {
      const paused = stored?.paused ?? false
      const flags = { paused, declares: true }
      if (stored?.definition === text) {
        const done = await store.write(id, stored, '', undefined, flags)
        return done ? { changed: false, nextAtMs: stored.nextAtMs } : undefined
      }
      // What is due under the definition before is not lost by a change.
      const keeps =
        stored &&
        (sameTiming(stored, definition) || (stored.nextAtMs !== undefined && stored.nextAtMs <= nowMs))
      const next = keeps ? stored.nextAtMs : occurrences.after(Math.max(nowMs, stored?.lastAtMs ?? 0))
      const nextAtMs = paused ? undefined : next
      const done = await store.write(id, stored, text, nextAtMs, flags)
      if (done === undefined) {
        throw new PenknifeError('PENKNIFE_FULL', `${title} has 100,000 schedules: remove some first`)
      }
      return done ? { changed: true, nextAtMs } : undefined
    })
  }

  async function setPaused(id: string, paused: boolean): Promise<boolean> {
    checkId(id)
    const done = await change(id, async (nowMs, stored) => {
      if (!stored) throw unknown(id)
      if (stored.paused === paused) return false
      const occurrences = paused ? undefined : await occurrencesOf(read(stored).timing)
      const next = occurrences?.after(Math.max(nowMs, stored.lastAtMs ?? 0))
      const flags = { paused, declares: false }
      return (await store.write(id, stored, stored.definition, next, flags)) ? true : undefined
    })
    ticker.within(0)
    return done
  }

  function unknown(id: string): PenknifeError {
    return invalid('id', id, `${title} has no such schedule; list() returns those that it has`)
  }

  return {
    async schedule(id, options) {
      checkId(id)
      const { timing, missed, overlap, timeField } = checkSchedule(options)
      await occurrencesOf(timing)
      const { payload } = options
      // The schema sees the payload as handlers get it.
      const whole = timeField === undefined ? payload : { ...payload, [timeField]: Date.now() }
      const json = await checkPayload(settings.schema, whole, LARGEST_PAYLOAD)
      const definition = {
        timing,
        missed,
        overlap,
        timeField,
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
      pause: (id) => setPaused(id, true),
      resume: (id) => setPaused(id, false),
      async run(id) {
        const { nowMs, stored } = await store.read(checkId(id))
        if (!stored) throw unknown(id)
        const definition = read(stored)
        const send = definition.overlap === 'skip' ? store.tickAlone : store.tick
        const payload = payloadAt(definition, nowMs)
        const outcome = await send({ id, seen: '', nextAtMs: undefined, payload })
        ticked(id, outcome, nowMs, nowMs)
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

/** Its definition; PENKNIFE_BAD_REPLY if something other than this version wrote it. */
function read({ id, definition }: Stored): Definition {
  return readReply(`schedule '${id}'`, () => fromText(definition))
}

function sameTiming({ definition }: Stored, { timing }: Definition): boolean {
  try {
    return JSON.stringify(fromText(definition).timing) === JSON.stringify(timing)
  } catch {
    return false
  }
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
