import { toJson } from '../json.ts'
import type { DeadLetterKind } from './dead-letter-types.ts'
import type { StreamOutcome } from './entry-state-types.ts'

/** The largest result of a handler, and the largest progress, as JSON in bytes. */
const LARGEST_RESULT = 256 << 10
const LARGEST_PROGRESS = 16 << 10

/**
 * The outcome of an entry whose handler succeeded, as lua/_lib/stream/outcomes.lua stores it.
 *
 * @throws PENKNIFE_INVALID for a result that JSON would change, or of more than 256 KiB.
 */
export function encodeResult(value: unknown): string {
  return value === undefined ? 'd' : `d${toJson("the handler's result", value, LARGEST_RESULT)}`
}

/** @throws PENKNIFE_INVALID */
export function encodeProgress(value: unknown): string {
  return toJson('progress', value, LARGEST_PROGRESS)
}

export function decodeOutcome<Result>(text: string): StreamOutcome<Result> {
  const rest = text.slice(1)
  if (text[0] === 'd') return { state: 'done', value: (rest === '' ? undefined : JSON.parse(rest)) as Result }
  if (text[0] === 'c') return { state: 'cancelled' }
  const at = rest.indexOf(' ')
  return { state: 'dead', why: rest.slice(0, at) as DeadLetterKind, reason: rest.slice(at + 1) }
}
