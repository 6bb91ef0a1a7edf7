import { PenknifeError } from '@penknife/core'
import { cut, errorText } from '@penknife/core/internal'
import { HttpError, type Reply } from '@penknife/http'

import type { DashboardFailure } from './api-types.ts'
import { PRIVATE } from './headers.ts'
import type { Report } from './report.ts'

type Code = DashboardFailure['error']['code']

const STATUS: Readonly<Record<Code, number>> = {
  invalid: 400,
  forbidden: 403,
  'cross-site': 403,
  'not-found': 404,
  method: 405,
  gone: 409,
  'too-large': 413,
  busy: 429,
  failed: 500,
  unavailable: 503,
}

const LONGEST = 1000

/** An answer of the API other than 200. The message is sent to the client. */
export class Refusal extends Error {
  readonly code: Code

  constructor(code: Code, message: string) {
    super(message)
    this.code = code
  }
}

/** The error of a request as a refusal. What is no fault of the client, Redis or the state is reported, and its text stays here. */
export function toRefusal(error: unknown, report: Report): Refusal {
  if (error instanceof Refusal) return error
  if (error instanceof HttpError)
    return error.status === 413
      ? new Refusal('too-large', 'The body is too long.')
      : new Refusal('invalid', 'The body could not be read.')
  if (error instanceof PenknifeError) return new Refusal(codeOf(error), cut(error.message, LONGEST))
  report('a request to the dashboard failed', error)
  return new Refusal('failed', 'The request failed. The log of the server has the error.')
}

function codeOf({ code, message }: PenknifeError): Code {
  if (code === 'PENKNIFE_INVALID') return message.includes('not registered') ? 'not-found' : 'invalid'
  if (code === 'PENKNIFE_IN_USE' || code === 'PENKNIFE_FULL' || code === 'PENKNIFE_LEASE_LOST') return 'gone'
  return 'unavailable'
}

export function replyOf(refusal: Refusal, headers: Readonly<Record<string, string>> = {}): Reply {
  const body: DashboardFailure = { error: { code: refusal.code, message: cut(errorText(refusal), LONGEST) } }
  return { status: STATUS[refusal.code], headers: { ...PRIVATE, ...headers }, body }
}
