import { MOST_DENIED, minuteOf } from '../limiter/denials.ts'
import type { LimiterSubject } from '../limiter/types.ts'
import { checkName, checkOptions, wholeNumber } from '../options.ts'
import { badReply } from '../redis/failures.ts'
import type { Space } from '../redis/penknife.ts'
import { limiterDenied } from '../redis/scripts.gen.ts'

export interface InspectDeniedOptions {
  /** The most rows: 1 to 500. Default: 50. */
  readonly limit?: number | undefined
}

/** The denials of a subject by one rule. */
export interface InspectedDeniedSubject {
  /** As key names have it: a text or part that begins with `#` is a hash of one that is longer than 64 characters or must be hashed. */
  readonly subject: LimiterSubject
  /** The rule that denied; undefined when the subject was blocked or banned. */
  readonly rule: string | undefined
  /** Never too large, and too small by at most `atMostMissing`. */
  readonly count: number
  /** When the last minute began in which it was denied, in milliseconds since 1970. */
  readonly lastAtMs: number
}

/** The most denied subjects of a limiter. */
export interface InspectedDenied {
  readonly space: string
  readonly limiter: string
  /** Milliseconds that were counted: five to six minutes. */
  readonly overMs: number
  /** How many denials of one row were not counted, at most; also of rows that are missing. Counts that a process could not send are extra. */
  readonly atMostMissing: number
  /** The most denied first. */
  readonly items: readonly InspectedDeniedSubject[]
}

/** Whole minutes before the present one. */
const MINUTES = 5
const MINUTE_MS = 60_000

/** Adds up the counts of the last minutes. One script call. */
export async function deniedSubjects(
  { name: space, runtime: { keys, bind } }: Space,
  limiter: string,
  options: InspectDeniedOptions = {},
): Promise<InspectedDenied> {
  checkName('limiter name', limiter)
  checkOptions('deniedSubjects', options, ['limit'])
  const limit = wholeNumber('limit', options.limit ?? 50, 1, 500)
  const nowMs = Date.now()
  const first = minuteOf(nowMs) - MINUTES
  const read = bind(limiterDenied, [])
  // The clock of another process may be a minute ahead.
  const minutes = Array.from({ length: MINUTES + 2 }, (_, at) => first + at)
  const replies = await Promise.all(
    minutes.map((minute) => read(keys.route, keys.limitDenied(limiter, minute), MOST_DENIED)),
  )
  const rows = new Map<string, InspectedDeniedSubject>()
  let atMostMissing = 0
  for (const [at, reply] of replies.entries()) {
    const [lacks, ...counts] = reply
    if (!reply.every((text) => typeof text === 'string') || counts.length % 2 !== 0)
      throw badReply(limiterDenied.name, 'it is not subjects with their counts')
    atMostMissing += Math.max(0, -Number(lacks))
    const lastAtMs = Math.min(nowMs, (minutes[at] as number) * MINUTE_MS)
    for (let next = 0; next < counts.length; next += 2) {
      const [member, count] = [counts[next] as string, Number(counts[next + 1])]
      const found = rowOf(member)
      if (found) rows.set(member, { ...found, count: count + (rows.get(member)?.count ?? 0), lastAtMs })
    }
  }
  const items = [...rows.values()].toSorted((a, b) => b.count - a.count).slice(0, limit)
  return { space, limiter, overMs: nowMs - first * MINUTE_MS, atMostMissing, items }
}

/** The rule and subject of a member. None where another program wrote it. */
function rowOf(member: string): Pick<InspectedDeniedSubject, 'subject' | 'rule'> | undefined {
  const [, rule = '', text = ''] = /^([\w.-]{0,64}) ([^]+)$/.exec(member) ?? []
  const subject = subjectIn(text)
  return subject === undefined ? undefined : { subject, rule: rule === '' ? undefined : rule }
}

function subjectIn(text: string): LimiterSubject | undefined {
  if (!text.startsWith('{')) return text === '' ? undefined : text
  try {
    const parts = JSON.parse(text) as Readonly<Record<string, string>>
    return Object.values(parts).every((part) => typeof part === 'string') ? parts : undefined
  } catch {
    return undefined
  }
}
