import { checkTimeZone } from '../../calendar.ts'
import { invalid } from '../../errors.ts'
import { checkOptions } from '../../options.ts'
import { wholeMs } from '../settings.ts'
import type { Timing } from './timing.ts'
import type { StreamSchedule, StreamScheduleOptions } from './types.ts'

/** A schedule as it was declared, checked. */
export interface Definition {
  readonly timing: Timing
  readonly missed: StreamSchedule['missed']
  readonly overlap: StreamSchedule['overlap']
  readonly timeField: string | undefined
  /** Key of the entries, in a stream with order by key. */
  readonly key?: string | undefined
  /** JSON text. */
  readonly payload: string
}

const KNOWN = ['key', 'cron', 'every', 'timeZone', 'payload', 'timeField', 'missed', 'overlap']
const SHORTEST_MS = 1000
const LONGEST_FIELD = 100

/** Checks the options, except the cron expression and the payload. */
export function checkSchedule(options: StreamScheduleOptions<unknown, string>): Omit<Definition, 'payload'> {
  // The payload is checked as that of an entry.
  checkOptions('schedule', options, KNOWN, ['payload'])
  const { timeField, missed = 'once', overlap = 'allow', payload, key } = options
  if (missed !== 'once' && missed !== 'all' && missed !== 'skip') {
    throw invalid('missed', missed, "give 'once', 'all' or 'skip'")
  }
  if (overlap !== 'allow' && overlap !== 'skip') throw invalid('overlap', overlap, "give 'allow' or 'skip'")
  if (timeField !== undefined) {
    if (typeof timeField !== 'string' || timeField === '' || timeField.length > LONGEST_FIELD) {
      throw invalid('timeField', timeField, `give the name of a field, 1 to ${LONGEST_FIELD} characters`)
    }
    if (timeField === '__proto__') throw invalid('timeField', timeField, 'give another name')
    if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) {
      throw invalid('payload', payload, "give an object, because 'timeField' names a field of it")
    }
  }
  return { timing: timingOf(options), missed, overlap, timeField, key }
}

function timingOf({ cron, every, timeZone }: StreamScheduleOptions<unknown, string>): Timing {
  if ((cron === undefined) === (every === undefined)) {
    throw invalid('cron', cron, "give either 'cron' or 'every'")
  }
  if (every !== undefined) {
    if (timeZone !== undefined) throw invalid('timeZone', timeZone, "give it with 'cron' only")
    return { everyMs: wholeMs('every', every, SHORTEST_MS) }
  }
  checkTimeZone('schedule', timeZone ?? 'UTC')
  return { cron: cron as string, timeZone: timeZone ?? 'UTC' }
}

/** As Redis stores it. Equal definitions have equal texts. */
export function toText({ timing, missed, overlap, timeField, key, payload }: Definition): string {
  return JSON.stringify({ timing, missed, overlap, timeField, key, payload })
}

/** Reads what Redis stores. Throws for a text of another form, such as one of a later version. */
export function fromText(text: string): Definition {
  const { timing, missed, overlap, timeField, key, payload } = JSON.parse(text) as Definition
  const known =
    (typeof (timing as { everyMs?: unknown }).everyMs === 'number' ||
      typeof (timing as { cron?: unknown }).cron === 'string') &&
    typeof payload === 'string' &&
    ['once', 'all', 'skip'].includes(missed) &&
    ['allow', 'skip'].includes(overlap)
  if (!known) throw new Error('something other than this version of penknife wrote it')
  return { timing, missed, overlap, timeField, key, payload }
}

/** The JSON of an occurrence's payload. */
export function payloadAt(
  { payload, timeField }: Pick<Definition, 'payload' | 'timeField'>,
  ms: number,
): string {
  return timeField === undefined
    ? payload
    : JSON.stringify({ ...(JSON.parse(payload) as object), [timeField]: ms })
}
