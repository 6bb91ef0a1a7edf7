import { PenknifeError, type StreamEntryState } from '@penknife/core'

import type { Reply } from '../answer.ts'
import { HttpError } from '../http-error.ts'
import { problem } from '../problem.ts'

const NO_STORE = { 'Cache-Control': 'no-store' } as const

export const UNKNOWN: Reply = problem(404, {
  detail: 'There is no such job, or its result is kept no longer.',
  headers: NO_STORE,
})
export const UNAUTHENTICATED: Reply = problem(401, { headers: NO_STORE })
export const FORBIDDEN: Reply = problem(403, { headers: NO_STORE })
export const TOO_MANY_STREAMS: Reply = problem(503, {
  detail: 'Too many event streams are open.',
  headers: { ...NO_STORE, 'Retry-After': '5' },
})

export function json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status, headers: { ...NO_STORE, ...headers }, body }
}

/** What a client gets of an entry. Not the reason of a dead letter, which is an error's text and may have secrets. */
export function viewOf({ state, attempts, dueMs, progress, outcome }: StreamEntryState): object {
  return {
    state,
    ...(attempts > 0 && { attempts }),
    ...(dueMs !== undefined && { dueMs }),
    ...(progress !== undefined && { progress }),
    ...(outcome?.state === 'done' && { result: outcome.value ?? null }),
    ...(outcome?.state === 'dead' && { why: outcome.why }),
  }
}

/** The reply to an error: 4xx for the client's mistakes, 503 for an outage or a full stream. Other errors are thrown again. */
export function replyTo(error: unknown): Reply {
  if (error instanceof HttpError && error.expose) return problem(error.status, { detail: error.message })
  if (!(error instanceof PenknifeError)) throw error
  if (error.code === 'PENKNIFE_INVALID' && error.option === 'payload') {
    return problem(422, { detail: 'The payload is not valid.' })
  }
  if (error.outage || error.code === 'PENKNIFE_CLOSED' || error.code === 'PENKNIFE_FULL') {
    const detail =
      error.fate === 'unknown'
        ? 'It is not known whether the request was carried out.'
        : 'The request cannot be carried out now.'
    return problem(503, { detail, headers: { ...NO_STORE, 'Retry-After': '1' } })
  }
  throw error
}
