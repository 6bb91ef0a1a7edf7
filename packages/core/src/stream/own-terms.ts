/** What the add of one entry says of its attempts, instead of the worker's options. */
export interface OwnTerms {
  readonly attempts: number | undefined
  /** The wait before its second attempt. */
  readonly backoffMs: number | undefined
  /** 0: no limit. */
  readonly timeoutMs: number | undefined
  /** How long its outcome is kept; undefined: not at all. */
  readonly keepMs: number | undefined
}

const FIELDS = [
  ['attempts', 'a'],
  ['backoffMs', 'b'],
  ['timeoutMs', 't'],
  ['keepMs', 'r'],
] as const

/** As the scripts store them, such as `a3b1000t60000`; empty when there are none. */
export function encodeOwnTerms(own: OwnTerms): string {
  return FIELDS.map(([name, letter]) => (own[name] === undefined ? '' : `${letter}${own[name]}`)).join('')
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
  }
}
