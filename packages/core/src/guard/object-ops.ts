import { invalid } from '../errors.ts'
import { toJson } from '../json.ts'
import { checkText, wholeNumber } from '../options.ts'
import type { ObjectIncrementOptions, ObjectMergeOptions } from './object-types.ts'

const LONGEST_FIELD = 128
const MOST_FIELDS = 100
const LARGEST = 65_536
/** The field of a value that is stored whole. */
export const WHOLE = ':x'

/** A change of a field, see lua/_lib/guard/objects.lua. */
export type ObjectOp =
  | readonly ['s', string, string]
  | readonly ['d', string]
  | readonly ['i', string, number, number, number]

export function checkFields(ops: readonly ObjectOp[]): readonly ObjectOp[] {
  if (ops.length <= MOST_FIELDS) return ops
  throw invalid(
    'number of fields',
    ops.length,
    `give at most ${MOST_FIELDS} fields, those to remove included`,
  )
}

export function mergeOps(fields: unknown, { remove: gone = [] }: ObjectMergeOptions): readonly ObjectOp[] {
  if (!isFields(fields)) throw invalid('fields', fields, 'give an object')
  if (!Array.isArray(gone)) throw invalid('remove', gone, 'give a list of fields')
  const removed = Array.from(gone as readonly string[], (field): ObjectOp => ['d', checkField(field)])
  return [...removed, ...opsOf('fields', fields, false)]
}

export function incrementOp(
  field: string,
  by: number,
  { floor = -Number.MAX_VALUE, ceiling = Number.MAX_VALUE }: ObjectIncrementOptions,
): ObjectOp {
  for (const [what, value] of Object.entries({ by, floor, ceiling }))
    if (typeof value !== 'number' || !Number.isFinite(value))
      throw invalid(what, value, 'give a finite number')
  return ['i', checkField(field), by, floor, ceiling]
}

export function numberText(what: string, value: number | undefined): string {
  return value === undefined ? '' : String(wholeNumber(what, value, 0, Number.MAX_SAFE_INTEGER))
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A field of the application: ours begin with a colon. */
function checkField(field: string): string {
  checkText('field', field, LONGEST_FIELD)
  if (field.startsWith(':')) throw invalid('field', field, 'give a name that does not begin with a colon')
  return field
}

/** A value as it is stored: a plain object by its fields, any other in one field. */
export function opsOf(what: string, value: unknown, asWhole: boolean): readonly ObjectOp[] {
  const json = toJson(what, value, LARGEST)
  const arrived: unknown = JSON.parse(json)
  const fits = isFields(arrived) && (!asWhole || Object.keys(arrived).every(fitsField))
  if (!fits) {
    if (asWhole) return [['s', WHOLE, json]]
    throw invalid(what, value, 'give an object')
  }
  return Object.entries(arrived).map(([field, part]): ObjectOp => [
    's',
    checkField(field),
    JSON.stringify(part),
  ])
}

/** Whether a field can be stored by itself; an object with any other field is stored whole. */
function fitsField(field: string): boolean {
  try {
    checkField(field)
    return true
  } catch {
    return false
  }
}
