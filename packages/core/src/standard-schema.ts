import { isPromiseLike } from './callbacks.ts'
import { invalid, PenknifeError } from './errors.ts'

/**
 * The part of the Standard Schema interface (https://standardschema.dev, version 1) that penknife uses. It is copied, as the
 * specification suggests, to avoid a dependency.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

export interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** How long an async schema may take. Without a bound, one that never settles would take a place of a worker forever. */
const SETTLES_MS = 30_000

/** Refuses a value that is not a Standard Schema. */
export function checkSchema<Schema extends StandardSchema>(name: string, schema: Schema): Schema {
  if (typeof schema?.['~standard']?.validate !== 'function') {
    throw invalid(name, schema, 'give a Standard Schema, such as one of zod, valibot or arktype')
  }
  return schema
}

/**
 * The schema's output for a value; a promise only if the schema returns one. Throws PENKNIFE_INVALID with the issues, and with
 * `option` as the name of the wrong argument; also when the schema takes longer than 30 s.
 */
export function conform<Out>(
  schema: StandardSchema<unknown, Out>,
  what: string,
  value: unknown,
  option: string = what,
): Out | Promise<Out> {
  const result = schema['~standard'].validate(value)
  return isPromiseLike(result)
    ? settledInTime(result, option).then((settled) => outputOf(what, settled, option))
    : outputOf(what, result, option)
}

function settledInTime<Value>(result: PromiseLike<Value>, option: string): Promise<Value> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      const message = `${option}'s schema did not settle within ${SETTLES_MS / 1000} s: give it no check that may wait that long`
      reject(new PenknifeError('PENKNIFE_INVALID', message, { option }))
    }, SETTLES_MS).unref()
    Promise.resolve(result)
      .then(resolve, reject)
      .finally(() => clearTimeout(late))
  })
}

function outputOf<Out>(what: string, result: SchemaResult<Out>, option: string): Out {
  if (typeof result !== 'object' || result === null || (result.issues && !Array.isArray(result.issues))) {
    throw invalid(
      `the result of ${option}'s schema`,
      result,
      'a Standard Schema returns { value } or { issues: [...] }',
    )
  }
  if (!result.issues) return result.value
  const issues = result.issues.map(describe).join('; ')
  throw new PenknifeError('PENKNIFE_INVALID', `${what} does not fit the schema: ${issues}`, {
    option,
    cause: result.issues,
  })
}

function describe({ message, path = [] }: SchemaIssue): string {
  const place = path.map((step) => String(typeof step === 'object' ? step.key : step)).join('.')
  return place === '' ? message : `${place}: ${message}`
}
