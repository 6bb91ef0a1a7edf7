import { invalid } from '../errors.ts'
import { toJson } from '../json.ts'
import { checkName, nearest } from '../options.ts'
import { checkSchema, conform } from '../standard-schema.ts'
import type { NotifierEventSchemas } from './events.ts'

/** The largest event, as JSON in bytes. */
const LARGEST_EVENT = 64 * 1024

/** The JSON of an event's data; later only when its schema answers later. */
export type Encode = (type: string, data: unknown) => string | Promise<string>

/** Without schemas any type may carry anything that JSON can. */
export function createEncode(schemas: NotifierEventSchemas | undefined): Encode {
  if (schemas === undefined) return (_, data) => toJson('data', data, LARGEST_EVENT)
  const known = checkSchemas(schemas)
  return (type, data) => {
    const schema = known.get(type)
    if (!schema) throw unknown(type, [...known.keys()])
    const output = conform(schema, 'data', data)
    return output instanceof Promise
      ? output.then((settled) => toJson('data', settled, LARGEST_EVENT))
      : toJson('data', output, LARGEST_EVENT)
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
