import type { LimiterSubject } from '@penknife/core'

import { Refusal } from './failures.ts'

/** Checks a parameter of a request. `value` is undefined when it is missing. */
export type Field<Value> = (name: string, value: unknown) => Value

export type Fields = Readonly<Record<string, Field<unknown>>>

export type Parsed<Given extends Fields> = {
  readonly [Name in keyof Given]: Given[Name] extends Field<infer Value> ? Value : never
}

/** Checks all parameters, and that there are no others. */
export function parse<Given extends Fields>(
  fields: Given,
  source: Readonly<Record<string, unknown>>,
): Parsed<Given> {
  for (const name of Object.keys(source)) {
    if (!Object.hasOwn(fields, name))
      throw bad(name, `is unknown; known are ${Object.keys(fields).join(', ')}`)
  }
  return Object.fromEntries(
    Object.entries(fields).map(([name, field]) => [
      name,
      field(name, Object.hasOwn(source, name) ? source[name] : undefined),
    ]),
  ) as Parsed<Given>
}

const MOST_PARAMETERS = 20

/** The query as a source of `parse`. Parameters `part.x` become the object `subject`. */
export function queryOf(query: URLSearchParams): Readonly<Record<string, unknown>> {
  const source: Record<string, unknown> = Object.create(null) as Record<string, unknown>
  let parts: Record<string, string> | undefined
  let count = 0
  for (const [name, value] of query) {
    count += 1
    if (count > MOST_PARAMETERS) throw new Refusal('invalid', 'There are too many parameters.')
    if (name.startsWith('part.')) {
      parts ??= Object.create(null) as Record<string, string>
      if (Object.hasOwn(parts, name.slice(5))) throw bad(name, 'is given twice')
      parts[name.slice(5)] = value
    } else {
      if (Object.hasOwn(source, name)) throw bad(name, 'is given twice')
      source[name] = value
    }
  }
  if (parts === undefined) return source
  if (Object.hasOwn(source, 'subject')) throw bad('subject', 'is given as a text and in parts')
  source['subject'] = parts
  return source
}

function bad(name: string, what: string): Refusal {
  return new Refusal('invalid', `${JSON.stringify(name.slice(0, 100))} ${what}.`)
}

/** A name of a space or an object. */
export const name: Field<string> = (of, value) => {
  if (typeof value === 'string' && /^[\w.-]{1,64}$/.test(value)) return value
  throw bad(of, 'must be 1 to 64 of the characters A-Z a-z 0-9 _ . -')
}

/** The id of an entry, or the position of a dead letter. */
export const id: Field<string> = (of, value) => {
  if (typeof value === 'string' && /^\d{1,19}-\d{1,19}$/.test(value)) return value
  throw bad(of, 'must be an id such as 1796000285935-0')
}

/** Not empty text. */
export const text =
  (most: number): Field<string> =>
  (of, value) => {
    if (typeof value === 'string' && value.length > 0 && value.length <= most) return value
    throw bad(of, `must be a text of 1 to ${most} characters`)
  }

export const whole =
  (least: number, most: number): Field<number> =>
  (of, value) => {
    const number = typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : value
    if (typeof number === 'number' && Number.isSafeInteger(number) && number >= least && number <= most)
      return number
    throw bad(of, `must be a whole number from ${least} to ${most}`)
  }

export const oneOf =
  <const Value extends string>(...values: readonly Value[]): Field<Value> =>
  (of, value) => {
    const found = values.find((each) => each === value)
    if (found !== undefined) return found
    throw bad(of, `must be one of ${values.join(', ')}`)
  }

export const flag: Field<boolean> = (of, value) => {
  if (typeof value === 'boolean') return value
  throw bad(of, 'must be true or false')
}

export const listOf =
  <Value>(field: Field<Value>, most: number): Field<readonly Value[]> =>
  (of, value) => {
    if (Array.isArray(value) && value.length > 0 && value.length <= most)
      return value.map((each, at) => field(`${of}[${at}]`, each))
    throw bad(of, `must be a list of 1 to ${most} items`)
  }

export const objectOf =
  <Given extends Fields>(fields: Given): Field<Parsed<Given>> =>
  (of, value) => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return parse(fields, value as Readonly<Record<string, unknown>>)
    throw bad(of, 'must be an object')
  }

/** What is missing is undefined. */
export const optional =
  <Value>(field: Field<Value>): Field<Value | undefined> =>
  (of, value) =>
    value === undefined ? undefined : field(of, value)

export const withDefault =
  <Value>(field: Field<Value>, otherwise: Value): Field<Value> =>
  (of, value) =>
    value === undefined ? otherwise : field(of, value)

const LONGEST_PART = 256
const MOST_PARTS = 10

/** A subject of a limiter: text, or an object with a text for each part. */
export const subject: Field<LimiterSubject> = (of, value) => {
  if (typeof value === 'string') return text(LONGEST_PART)(of, value)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw bad(of, 'must be a text, or an object with a text for each part')
  const parts = Object.entries(value as Readonly<Record<string, unknown>>)
  if (parts.length === 0 || parts.length > MOST_PARTS) throw bad(of, `must have 1 to ${MOST_PARTS} parts`)
  return Object.fromEntries(
    parts.map(([part, each]) => [name(`${of}.${part}`, part), text(LONGEST_PART)(`${of}.${part}`, each)]),
  )
}

const LONGEST_TAGS = 3000
const MOST_TAGS = 8

/** Tags of entries, such as `user=ann order=17`. A value ends before the next name, so it may have spaces. */
export const tags: Field<Readonly<Record<string, string>>> = (of, value) => {
  const pairs = text(LONGEST_TAGS)(of, value)
    .trim()
    .split(/\s+(?=[\w.-]{1,64}=)/)
    .map(
      (pair) => [pair.slice(0, Math.max(0, pair.indexOf('='))), pair.slice(pair.indexOf('=') + 1)] as const,
    )
  const names = new Set(pairs.map(([tag]) => tag))
  const known = pairs.every(([tag, each]) => /^[\w.-]{1,64}$/.test(tag) && each !== '')
  if (!known || names.size < pairs.length || pairs.length > MOST_TAGS)
    throw bad(of, `must be 1 to ${MOST_TAGS} tags such as user=ann order=17, each name once`)
  return Object.fromEntries(pairs)
}

const LONGEST_CURSOR = 200

/** The fields of a page. */
export const page: {
  readonly limit: Field<number>
  readonly after: Field<string | undefined>
} = {
  limit: withDefault(whole(1, 200), 50),
  after: optional(text(LONGEST_CURSOR)),
}

/** The options of a page, without what is undefined. */
export function pageOf({ limit, after }: { readonly limit: number; readonly after: string | undefined }): {
  readonly limit: number
  readonly after?: string
} {
  return after === undefined ? { limit } : { limit, after }
}
