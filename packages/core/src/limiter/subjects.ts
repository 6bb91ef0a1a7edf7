import { invalid } from '../errors.ts'
import { checkText, isText } from '../options.ts'
import { digest, type Keys, type Route } from '../redis/keys.ts'
import type { LimiterSubject } from './types.ts'

/** The longest subject. Keys contain up to 64 characters of text; longer subjects are hashed. */
const LONGEST_SUBJECT = 1024

/** Whether text is a valid subject. */
export function isSubject(text: string): boolean {
  return isText(text, LONGEST_SUBJECT)
}

/** A valid subject of fixed length for any text, however hostile: its hash. */
export function hashSubject(text: string): string {
  return digest(text)
}

/**
 * Checks the subject of a call. Of an object it copies the parts that the rules need, so that later changes by the caller have no
 * effect on the call.
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

/** A checked subject as one text, which identifies it. No text of a subject begins with a brace, as that of an object does. */
export function subjectText(subject: LimiterSubject): string {
  return typeof subject === 'string' ? subject : JSON.stringify(subject)
}

/** Where the state of a subject, or of one part of it, is stored, and the subject's name in its keys. */
export interface Place {
  readonly route: Route
  readonly keyName: string
}

/** Finds the place of a checked subject, or of one part of it. */
export type Locate = (subject: LimiterSubject, part: string | undefined) => Place

/** With `hashed` all names in keys are hashes, otherwise only long ones. */
export function createLocate(
  keys: Keys,
  routeBy: string | undefined,
  hashed: boolean,
  place: 'spread' | 'space' = 'spread',
): Locate {
  const named = (text: string): string => (hashed ? digest(text) : text)
  const routeOf = place === 'space' ? () => keys.route : keys.shard
  return (subject, part) => {
    if (typeof subject === 'string') return { route: routeOf(subject), keyName: named(subject) }
    const keyName = subject[part as string] as string
    if (routeBy === undefined) return { route: routeOf(keyName), keyName: named(keyName) }
    const routing = subject[routeBy] as string
    // A state belongs to the routing value too. The length in front makes the name unambiguous.
    const own = part === routeBy ? keyName : `${routing.length}/${routing}/${keyName}`
    return { route: keys.shard(routing), keyName: named(own) }
  }
}
