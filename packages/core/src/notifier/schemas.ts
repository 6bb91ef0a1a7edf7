import { invalid } from '../errors.ts'
import { toJson } from '../json.ts'
import { checkName, nearest } from '../options.ts'
import { checkSchema, conform } from '../standard-schema.ts'
import type { NotifierEventSchemas } from './events.ts'

/** The most bytes of an event's JSON. */
const MAX_EVENT_BYTES = 64 * 1024

/** Encodes an event's data as JSON. Returns a promise only if its schema is async. */
export type Encode = (type: string, data: unknown) => string | Promise<string>

/** Without schemas every type may have any data that JSON can represent. */
export function createEncode(schemas: NotifierEventSchemas | undefined): Encode {
  if (schemas === undefined) return (_, data) => toJson('data', data, MAX_EVENT_BYTES)
  const known = checkSchemas(schemas)
  return (type, data) => {
    const schema = known.get(type)
    if (!schema) throw unknown(type, [...known.keys()])
    const output = conform(schema, 'data', data)
    return output instanceof Promise
      ? output.then((settled) => toJson('data', settled, MAX_EVENT_BYTES))
      : toJson('data', output, MAX_EVENT_BYTES)
  }
}

function checkSchemas(schemas: NotifierEventSchemas): ReadonlyMap<string, NotifierEventSchemas[string]> {
  if (typeof schemas !== 'object' || schemas === null || Array.isArray(schemas)) {
    throw invalid('schemas', schemas, 'give an object of types and their schemas')
  }
  const entries = Object.entries(schemas)
  if (entries.length === 0) throw invalid('schemas', schemas, 'give the schema of at least one type')
  return new Map(
    entries.map(([type, schema]) => [checkName('type', type), checkSchema(`schemas['${type}']`, schema)]),
  )
}

function unknown(type: string, known: readonly string[]): Error {
  const near = nearest(type, known)
  const fix = near ? `did you mean '${near}'?` : `known are ${known.slice(0, 10).join(', ')}`
  return invalid('type', type, `it has no schema; ${fix}`)
}
