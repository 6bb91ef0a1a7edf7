import { invalid, PenknifeError } from '../../errors.ts'
import { readReply } from '../../redis/failures.ts'
import { type Definition, fromText, payloadAt, toText } from './definition.ts'
import type { ScheduleStore, Stored, Ticked } from './store.ts'
import type { Occurrences, Timing } from './timing.ts'
import type { StreamScheduled } from './types.ts'

/** How often a change is tried that others overtake. */
const TRIES = 20

/** Changes of schedules: each reads the schedule and writes only if nobody changed it in between. */
export interface Changes {
  put(id: string, definition: Definition): Promise<StreamScheduled>
  /** Resolves with false when it was so already. */
  setPaused(id: string, paused: boolean): Promise<boolean>
  run(id: string): Promise<{ readonly outcome: Ticked; readonly atMs: number }>
  /** The error for a schedule that does not exist. */
  unknown(id: string): PenknifeError
}

export function createChanges(
  store: ScheduleStore,
  title: string,
  occurrencesOf: (timing: Timing) => Promise<Occurrences>,
  tagsOf: (json: string) => string,
): Changes {
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
    return change(id, async (nowMs, stored) => {
      if (!stored) throw unknown(id)
      if (stored.paused === paused) return false
      const occurrences = paused ? undefined : await occurrencesOf(read(stored).timing)
      const next = occurrences?.after(Math.max(nowMs, stored.lastAtMs ?? 0))
      const flags = { paused, declares: false }
      return (await store.write(id, stored, stored.definition, next, flags)) ? true : undefined
    })
  }

  function unknown(id: string): PenknifeError {
    return invalid('id', id, `${title} has no such schedule; list() returns those that it has`)
  }

  return {
    put,
    setPaused,
    async run(id) {
      const { nowMs, stored } = await store.read(id)
      if (!stored) throw unknown(id)
      const definition = read(stored)
      const send = definition.overlap === 'skip' ? store.tickAlone : store.tick
      const payload = payloadAt(definition, nowMs)
      return {
        outcome: await send({
          id,
          key: definition.key,
          seen: '',
          nextAtMs: undefined,
          payload,
          tags: tagsOf(payload),
        }),
        atMs: nowMs,
      }
    },
    unknown,
  }
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
