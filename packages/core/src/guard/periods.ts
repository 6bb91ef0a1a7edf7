import { type CalendarUnit, type Period, periodAt } from '../calendar.ts'
import { PenknifeError } from '../errors.ts'
import { readTime } from '../redis/failures.ts'
import type { Runtime } from '../redis/penknife.ts'
import type { Port } from '../redis/runner.ts'
import type { Arg, Script, SharedArg } from '../redis/script.ts'

/** The calendar by which counters are reset. */
export interface Calendar {
  readonly unit: CalendarUnit
  readonly timeZone: string
}

/** The keys of the present period and of the next one, and the times by which a script chooses between them. */
export interface PeriodPlan {
  readonly keys: readonly string[]
  /** start, turn and finish in microseconds, and the milliseconds since 1970 at which the keys of each expire. */
  readonly times: readonly number[]
  readonly period: Period
}

/** How long the keys of a period are stored after the next one ended: clocks may differ a little. */
const SLACK_MS = 3_600_000

/** Without a calendar there is one period, of the name ''. */
const ALWAYS: Period = { startMs: -Infinity, endMs: Infinity }

/** A period's name in keys: when it began, such as 20261122T230000Z. */
function periodName(startMs: number): string {
  return new Date(startMs).toISOString().replace(/[-:]|\.\d+/g, '')
}

/** Returns the plan of the periods around a moment; `keysOf` has the keys of a period by its name. */
export type Lay = (nowMs: number) => PeriodPlan

export function createLay(
  calendar: Calendar | undefined,
  keysOf: (period: string) => readonly string[],
): Lay {
  if (!calendar) return () => ({ keys: keysOf(''), times: [], period: ALWAYS })
  const { unit, timeZone } = calendar
  return (nowMs) => {
    const present = periodAt(unit, timeZone, nowMs)
    const next = periodAt(unit, timeZone, present.endMs)
    const after = periodAt(unit, timeZone, next.endMs)
    return {
      keys: [...keysOf(periodName(present.startMs)), ...keysOf(periodName(next.startMs))],
      times: [
        present.startMs * 1000,
        present.endMs * 1000,
        next.endMs * 1000,
        next.endMs + SLACK_MS,
        after.endMs + SLACK_MS,
      ],
      period: present,
    }
  }
}

/** An estimate of Redis' clock: this process' own clock, corrected by times that Redis replied. */
export interface RedisClock {
  nowMs(): number
  /** Redis' time in microseconds. */
  learn(us: number): void
}

export function createRedisClock(): RedisClock {
  let skew = 0
  return {
    nowMs: () => Date.now() + skew,
    learn(us) {
      skew = Math.floor(us / 1000) - Date.now()
    },
  }
}

/**
 * A call of a script whose keys are those of periods; resolves with the reply that is its answer, and with the beginning of the
 * period whose keys and the next one's it was given.
 */
export type PeriodCall<Item extends readonly Arg[]> = (
  ...item: Item
) => Promise<{ readonly reply: string; readonly startMs: number }>

/**
 * Binds a script to the keys of the present period and the next, anew when the period ends. The script replies 0 when it must be
 * called again, or Redis' time when that lies in another period.
 */
export function createPeriodCall<Shared extends readonly SharedArg[], Item extends readonly Arg[]>(
  { bind, keys: { route } }: Pick<Runtime, 'bind' | 'keys'>,
  script: Script<Shared, Item, number | string>,
  { lay, clock, title }: { readonly lay: Lay; readonly clock: RedisClock; readonly title: string },
  sharedOf: (plan: PeriodPlan) => Shared,
): PeriodCall<Item> {
  let bound: { readonly period: Period; readonly port: Port<Item, number | string> } | undefined

  function present(): NonNullable<typeof bound> {
    const nowMs = clock.nowMs()
    if (bound && nowMs < bound.period.endMs && nowMs >= bound.period.startMs) return bound
    const plan = lay(nowMs)
    bound = { period: plan.period, port: bind(script, sharedOf(plan), undefined, title) }
    return bound
  }

  return async (...item) => {
    for (let corrected = 0; ;) {
      const { port, period } = present()
      const reply = await port(route, ...item)
      if (typeof reply === 'string') return { reply, startMs: period.startMs }
      if (reply === 0) continue
      const time = readTime(script.name, reply)
      if (++corrected > 3) {
        throw new PenknifeError(
          'PENKNIFE_UNAVAILABLE',
          `${title}: Redis' clock changed its period with every call; it says ${new Date(time / 1000).toISOString()}`,
        )
      }
      clock.learn(time)
    }
  }
}
