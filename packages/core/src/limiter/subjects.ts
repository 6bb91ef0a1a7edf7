import { invalid } from '../errors.ts'
import { checkText, isText } from '../options.ts'
import { digest, type Keys, type Route } from '../redis/keys.ts'
import type { Subject } from './types.ts'

/** The longest subject; up to 64 characters stand in the key as they are, longer ones hashed. */
const LONGEST_SUBJECT = 1024

/** Whether a text can be a subject as it is. */
export function isSubject(text: string): boolean {
  return isText(text, LONGEST_SUBJECT)
}

/** A valid subject of bounded length that stands for any text, however hostile. */
export function hashSubject(text: string): string {
  return digest(text)
}

/** Where the states of a subject, or of one part of it, live, and its name in the keys there. */
export interface Place {
  readonly route: Route
  readonly who: string
}

export type Locate = (subject: Subject, part: string | undefined) => Place

/** With `hashed` the names in keys are hashes, else only those that are long. */
export function createLocate(keys: Keys, routeBy: string | undefined, hashed: boolean): Locate {
  const named = (text: string): string => (hashed ? digest(text) : text)
  return (subject, part) => {
    if (part === undefined) {
      const who = checkText('subject', subject as string, LONGEST_SUBJECT)
      return { route: keys.shard(who), who: named(who) }
    }
    const who = partOf(subject, part)
    if (routeBy === undefined) return { route: keys.shard(who), who: named(who) }
    const routing = partOf(subject, routeBy)
    // A state belongs to the routing value too: its length tells where it ends.
    const own = part === routeBy ? who : `${routing.length}/${routing}/${who}`
    return { route: keys.shard(routing), who: named(own) }
  }
}

/** A subject as one text, for what is kept of it in this process; those of some parts only by these. */
export function subjectText(subject: Subject, parts: readonly (string | undefined)[]): string {
  const [first] = parts
  if (first === undefined) return checkText('subject', subject as string, LONGEST_SUBJECT)
  return JSON.stringify(parts.map((part) => partOf(subject, part as string)))
}

function partOf(subject: Subject, part: string): string {
  if (typeof subject !== 'object' || subject === null) {
    throw invalid('subject', subject, `give an object, as the rules have 'per': { ${part}: '…' }`)
  }
  return checkText(`subject ${part}`, subject[part] as string, LONGEST_SUBJECT)
}
