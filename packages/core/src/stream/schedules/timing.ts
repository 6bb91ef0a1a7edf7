import { errorText } from '../../text.ts'
import { invalid } from '../../errors.ts'

/** When a schedule has occurrences. */
export type Timing = { readonly cron: string; readonly timeZone: string } | { readonly everyMs: number }

/** The occurrences of a timing. */
export interface Occurrences {
  /** The first occurrence after a time, in milliseconds since 1970. Undefined when there is none. */
  after(ms: number): number | undefined
}

/** The last time that a Date can hold. */
const LAST_MS = 8.64e15
const LONGEST_CRON = 200
/** Five to seven parts, or a nickname. croner also takes a date; and `?`, which means the time at which it parses the text. */
const CRON = /^(@[a-z]+|[^\s?]+( +[^\s?]+){4,6})$/i

/**
 * The occurrences of a timing. croner is loaded only when a cron expression is used.
 *
 * When clocks go forward, an occurrence of a fixed time that is skipped happens at the end of the gap. When they go back, an occurrence
 * of a fixed time happens once, at the first of the two. Expressions with a wildcard or a step in hour or minute follow the real time.
 *
 * @throws PENKNIFE_INVALID for an expression that croner refuses.
 */
export async function occurrencesOf(timing: Timing): Promise<Occurrences> {
  if ('everyMs' in timing) {
    const { everyMs } = timing
    return { after: (ms) => bounded((Math.floor(ms / everyMs) + 1) * everyMs) }
  }
  const { Cron } = await import('croner')
  const { cron, timeZone } = timing
  if (typeof cron !== 'string' || cron.length > LONGEST_CRON || !CRON.test(cron)) {
    throw invalid('cron', cron, "give a cron expression of five to seven parts, such as '30 2 * * *'")
  }
  try {
    const job = new Cron(cron, { timezone: timeZone, paused: true, fixedTimeRule: 'no-wildcard' })
    return { after: (ms) => bounded(ms > LAST_MS ? undefined : job.nextRun(new Date(ms))?.getTime()) }
  } catch (error) {
    throw invalid('cron', cron, errorText(error))
  }
}

function bounded(ms: number | undefined): number | undefined {
  return ms !== undefined && ms <= LAST_MS ? ms : undefined
}

/** Most timings that a process keeps parsed. */
const MOST_PARSED = 100

/** As `occurrencesOf`; keeps parsed expressions. */
export function createTimetable(): (timing: Timing) => Promise<Occurrences> {
  const parsed = new Map<string, Promise<Occurrences>>()
  return (timing) => {
    const text = JSON.stringify(timing)
    let found = parsed.get(text)
    if (!found) {
      if (parsed.size >= MOST_PARSED) parsed.clear()
      found = occurrencesOf(timing)
      parsed.set(text, found)
    }
    return found
  }
}
