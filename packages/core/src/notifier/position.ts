import { invalid } from '../errors.ts'

/** A history's epoch, and the offset of an event in it. */
export interface EpochAndOffset {
  readonly epoch: string
  readonly offset: number
}

/** A position in a channel's history: its id, and the parsed id. `at` is undefined for '-', '+' and the empty id of a nudge. */
export interface Position {
  readonly id: string
  readonly at: EpochAndOffset | undefined
}

/**
 * Parses `<epoch>-<offset>-<tag>`, where the tag is a hash of all events up to this one. `<epoch>-0` is the position before
 * a history's first event, also of a history that has not begun yet. Undefined for any other text.
 */
export function parseId(id: string): EpochAndOffset | undefined {
  const found = /^(\d{1,16})-(?:0|([1-9]\d{0,14})-[0-9a-f]{6})$/.exec(id)
  return found ? { epoch: found[1] as string, offset: Number(found[2] ?? 0) } : undefined
}

export function positionOf(id: string): Position {
  return { id, at: parseId(id) }
}

/** Whether a text is a position, as in the id of an event. Check a client's text with it before you give it to `from`. */
export function isPosition(text: string): boolean {
  return parseId(text) !== undefined
}

/** Whether a position is before the first event of a history. */
export function isBeginning(id: string): boolean {
  return parseId(id)?.offset === 0
}

/** Checks a position of a caller: an id, or '-' for the oldest event. @throws PENKNIFE_INVALID */
export function checkPosition(name: string, value: string): string {
  if (value !== '-' && (typeof value !== 'string' || !parseId(value))) {
    throw invalid(name, value, "give the id of an event, such as '1700000000000-12-5f0a3c', or '-'")
  }
  return value
}

/**
 * How an event relates to a position: it is the 'next' one, or an 'old' one that the position includes, or there is a 'gap'
 * between them. In doubt it is a 'gap'.
 */
export function relate({ id: before, at }: Position, { id, at: next }: Position): 'next' | 'old' | 'gap' {
  if (!at || !next || at.epoch !== next.epoch) return 'gap'
  if (next.offset < at.offset || (next.offset === at.offset && id === before)) return 'old'
  return next.offset === at.offset + 1 ? 'next' : 'gap'
}
