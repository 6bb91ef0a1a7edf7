import { createHash } from 'node:crypto'

/** What the add of one entry says of its attempts, instead of the worker's options. */
export interface OwnTerms {
  readonly attempts: number | undefined
  /** The wait before its second attempt. */
  readonly backoffMs: number | undefined
  /** 0: no limit. */
  readonly timeoutMs: number | undefined
  /** How long its outcome is kept; undefined: not at all. */
  readonly keepMs: number | undefined
  /** Whether its dedup id is free when it ends: `u` and digits. */
  readonly unique?: boolean
  /** Whether it has low priority. */
  readonly low?: boolean
}

const FIELDS = [
  ['attempts', 'a'],
  ['backoffMs', 'b'],
  ['timeoutMs', 't'],
  ['keepMs', 'r'],
] as const

/** The dedup id as the scripts store it among an entry's own terms: `u` and the digits of its hash. */
export function uniqueTerm(dedupId: string): string {
  return `u${BigInt(`0x${createHash('sha256').update(dedupId).digest('hex').slice(0, 32)}`)}`
}

/** `due` of an add, with one term more; behind it may be a space and the key. */
export function withTerm(due: string, term: string): string {
  const end = due.indexOf(' ')
  const [before, key] = end < 0 ? [due, ''] : [due.slice(0, end), due.slice(end)]
  return `${before}${before.includes(';') ? '' : ';'}${term}${key}`
}

/** As the scripts store them, such as `a3b1000t60000l1`; empty when there are none. */
export function encodeOwnTerms(own: OwnTerms): string {
  const texts = FIELDS.map(([name, letter]) => (own[name] === undefined ? '' : `${letter}${own[name]}`))
  return texts.join('') + (own.low ? 'l1' : '')
}

export function parseOwnTerms(text: string | undefined): OwnTerms | undefined {
  if (text === undefined) return undefined
  const found = new Map(
    [...text.matchAll(/([a-z])(\d{1,15})/g)].map(([, letter, ms]) => [letter, Number(ms)]),
  )
  return {
    attempts: found.get('a'),
    backoffMs: found.get('b'),
    timeoutMs: found.get('t'),
    keepMs: found.get('r'),
    unique: found.has('u'),
  }
}
