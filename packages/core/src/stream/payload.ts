import { isPlain, toJson } from '../json.ts'
import { conform, type StandardSchema } from '../standard-schema.ts'

/** Bytes as JSON. */
export const LARGEST_PAYLOAD: number = 1 << 20

/** The JSON of a payload that fits the schema. Throws, or rejects, PENKNIFE_INVALID for any other. */
export function checkPayload(
  schema: StandardSchema | undefined,
  payload: unknown,
  maxBytes: number,
): string | Promise<string> {
  if (!schema) return toJson('payload', payload, maxBytes)
  const output = conform(schema, 'payload', payload)
  return output instanceof Promise
    ? output.then(() => checkArrival(schema, payload, maxBytes))
    : checkArrival(schema, payload, maxBytes)
}

/** The JSON of a payload. Workers validate the parsed JSON again, so that must fit the schema too: a Date, for example, arrives as text. */
function checkArrival(schema: StandardSchema, payload: unknown, maxBytes: number): string | Promise<string> {
  const json = toJson('payload', payload, maxBytes)
  if (isPlain(payload)) return json
  const output = conform(schema, 'payload, as it arrives as JSON,', JSON.parse(json), 'payload')
  return output instanceof Promise ? output.then(() => json) : json
}
