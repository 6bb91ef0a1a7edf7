import { PenknifeError } from '../errors.ts'
import type { SchemaIssue, SchemaResult, StandardSchema } from '../standard-schema.ts'

/** The schema's output for a payload; at once when the schema answers at once. Throws PENKNIFE_INVALID with the issues. */
export function conform<Out>(schema: StandardSchema<unknown, Out>, payload: unknown): Out | Promise<Out> {
  const result = schema['~standard'].validate(payload)
  return result instanceof Promise ? result.then(outputOf) : outputOf(result)
}

function outputOf<Out>(result: SchemaResult<Out>): Out {
  if (!result.issues) return result.value
  const issues = result.issues.map(describe).join('; ')
  throw new PenknifeError('PENKNIFE_INVALID', `payload does not fit the schema: ${issues}`, {
    option: 'payload',
    cause: result.issues,
  })
}

function describe({ message, path = [] }: SchemaIssue): string {
  const place = path.map((step) => String(typeof step === 'object' ? step.key : step)).join('.')
  return place === '' ? message : `${place}: ${message}`
}
