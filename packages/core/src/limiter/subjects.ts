import { invalid } from '../errors.ts'
import { checkText, isText } from '../options.ts'
import { digest, type Keys, type Route } from '../redis/keys.ts'
import type { LimiterSubject } from './types.ts'

/** The longest subject; up to 64 characters are in the key as they are, longer ones hashed. */
const LONGEST_SUBJECT = 1024

/** Whether a text can be a subject as it is. */
export function isSubject(text: string): boolean {
  return isText(text, LONGEST_SUBJECT)
}

/** A valid subject of bounded length that stands for any text, however hostile. */
export function hashSubject(text: string): string {
  return digest(text)
}

/**
 * The subject of a call, checked. Of an object only the parts that the rules need, copied: what the caller changes afterwards
 * changes nothing of the call.
 */
export function checkSubject(
  subject: LimiterSubject,
  parts: readonly (string | undefined)[],
): LimiterSubject {
  const [first] = parts
  if (first === undefined) return checkText('subject', subject as string, LONGEST_SUBJECT)
  return Object.fromEntries(parts.map((part) => [part as string, checkPart(subject, part as string)]))
}

function checkPart(subject: LimiterSubject, part: string): string {
  if (typeof subject !== 'object' || subject === null) {
    throw invalid('subject', subject, `give an object, as the rules have 'per': { ${part}: '…' }`)
  }
  return checkText(`subject ${part}`, subject[part] as string, LONGEST_SUBJECT)
}

/** A checked subject as one text, which names it in this process. */
export function subjectText(subject: LimiterSubject): string {
  return typeof subject === 'string' ? subject : JSON.stringify(Object.values(subject))
}

/** Where the state of a subject, or of one part of it, is stored, and the subject's name in the keys there. */
export interface Place {
  readonly route: Route
  readonly who: string
}

/** Finds the place of a checked subject, or of one part of it. */
export type Locate = (subject: LimiterSubject, part: string | undefined) => Place

/** With `hashed` all names in keys are hashes, else only the long ones. */
export function createLocate(keys: Keys, routeBy: string | undefined, hashed: boolean): Locate {
  const named = (text: string): string => (hashed ? digest(text) : text)
  return (subject, part) => {
    if (typeof subject === 'string') return { route: keys.shard(subject), who: named(subject) }
    const who = subject[part as string] as string
    if (routeBy === undefined) return { route: keys.shard(who), who: named(who) }
    const routing = subject[routeBy] as string
    // A state belongs to the routing value too: its length tells where it ends.
    const own = part === routeBy ? who : `${routing.length}/${routing}/${who}`
    return { route: keys.shard(routing), who: named(own) }
  }
}
