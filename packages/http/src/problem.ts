import { STATUS_CODES } from 'node:http'

import type { Reply } from './answer.ts'
import type { HeaderValue } from './exchange/exchange.ts'

export interface ProblemOptions {
  /** A URI for the kind of problem. Default: 'about:blank', which means: see the status. */
  readonly type?: string | undefined
  /** Default: the phrase of the status, such as 'Forbidden'. */
  readonly title?: string | undefined
  /** An explanation for a person. */
  readonly detail?: string | undefined
  readonly headers?: Readonly<Record<string, HeaderValue>> | undefined
  /** Further members of the problem, such as 'violated-policies'. */
  readonly extra?: Readonly<Record<string, unknown>> | undefined
}

/** Makes an error reply as application/problem+json (RFC 9457). */
export function problem(status: number, options: ProblemOptions = {}): Reply {
  const { type = 'about:blank', title = STATUS_CODES[status] ?? 'Problem', detail, headers, extra } = options
  return {
    status,
    headers: { ...headers, 'Content-Type': 'application/problem+json' },
    body: JSON.stringify({ type, title, status, detail, ...extra }),
  }
}
