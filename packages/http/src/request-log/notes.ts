import { errorText, invalid } from '@penknife/core/internal'

import type { Exchange } from '../exchange/exchange.ts'
import { carrierOf } from '../exchange/http-exchange.ts'
import { holdersOf } from '../exchange/state.ts'
import { clean } from './clean.ts'
import type { RequestError } from './entry.ts'

/** What handlers and adapters noted about a request for its entry. */
export interface Notes {
  readonly id: string | undefined
  error: RequestError | undefined
  fields: Record<string, unknown> | undefined
  /** How many names `fields` has. */
  names: number
}

/** The most names that handlers may add. Further ones are left out. */
const MOST_NAMES = 64

const NOTES: unique symbol = Symbol.for('penknife.request-log') as never

interface Noted {
  [NOTES]?: Notes
}

/** The notes about a request that is logged. The first log of a request makes them. */
export function takeNotes(exchange: Exchange, id: string | undefined): Notes {
  return ((carrierOf(exchange).holder as Noted)[NOTES] = {
    id,
    error: undefined,
    fields: undefined,
    names: 0,
  })
}

function notesOn(request: object): Notes | undefined {
  for (const holder of holdersOf(request) as readonly (Noted | undefined)[]) {
    const found = holder?.[NOTES]
    if (found) return found
  }
  return undefined
}

/**
 * The id of a request, for the application's own logs. Undefined when no `requestLog` middleware got the request.
 *
 *     const log = logger.child({ requestId: requestIdOf(request) })
 *
 * @param request the request of node:http, Express, Fastify or Nest; the context of Koa or Hono; in fetch the Request
 */
export function requestIdOf(request: object): string | undefined {
  return notesOn(request)?.id
}

/**
 * Adds fields to the entry of a request, at most 64 names; further ones are left out. Later values of a name win. Does nothing when no `requestLog` middleware got the request,
 * or after the response has ended.
 *
 *     logFields(request, { tenant: 'acme', cached: true })
 *
 * @param request as for `requestIdOf`
 * @param fields values that JSON can represent; others are left out. They replace the entry's own fields of the same name.
 * @throws PENKNIFE_INVALID when `fields` is no object
 */
export function logFields(request: object, fields: object): void {
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields))
    throw invalid('fields', fields, 'give an object with the fields to add')
  const notes = notesOn(request)
  if (!notes) return
  const own = (notes.fields ??= Object.create(null) as Record<string, unknown>)
  for (const name of Object.keys(fields)) {
    if (!(name in own)) {
      if (notes.names >= MOST_NAMES) continue
      notes.names += 1
    }
    own[name] = (fields as Record<string, unknown>)[name]
  }
}

/**
 * Notes the error that made a request fail, for its entry. Koa, fetch servers and penknife's own middlewares note theirs. In Express mount `logErrors`
 * after the routes; elsewhere call this where errors are handled. The first error of a request counts.
 *
 * @param request as for `requestIdOf`
 * @param error anything that was thrown
 */
export function logError(request: object, error: unknown): void {
  note(notesOn(request), error)
}

/** `logError` for adapters. */
export function noteError(exchange: Exchange, error: unknown): void {
  note((carrierOf(exchange).holder as Noted)[NOTES], error)
}

function note(notes: Notes | undefined, error: unknown): void {
  if (notes) notes.error ??= toError(error)
}

/** An error as an entry has it. Never throws. */
export function toError(error: unknown): RequestError {
  return { name: clean(nameOf(error), 64), message: clean(errorText(error), 256) }
}

function nameOf(error: unknown): string {
  try {
    if (!(error instanceof Error)) return typeof error
    // A subclass without a name of its own has that of its parent.
    const { name } = error
    const own: unknown = error.constructor.name
    if (name === 'Error' && typeof own === 'string' && own !== '') return own
    return typeof name === 'string' ? name : 'Error'
  } catch {
    return 'Error'
  }
}
