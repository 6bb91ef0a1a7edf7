import type { LimiterDecision, LimiterSubject } from '@penknife/core'
import { checkOptions, invalid } from '@penknife/core/internal'

import type { HeaderValue } from '../exchange/exchange.ts'
import { DRAFTS, type HeaderOptions, HEADERS, headerWriter } from './headers.ts'
import { retryAfterSeconds } from './replies.ts'

export interface HeadersForOptions extends HeaderOptions {
  /** The tokens that the request asked for; only the draft 'next' shows them. Default: 1. */
  readonly cost?: number | undefined
  /** The subject that was counted, for `partitionKey`. */
  readonly subject?: LimiterSubject | undefined
}

/**
 * The headers that `rateLimit` would send for a decision, for those who answer by themselves: the fields of the rate limit, and
 * `Retry-After` if it was denied and may pass later.
 *
 *     const decision = await limiter.take(user)
 *     return Response.json(body, { status: decision.allowed ? 200 : 429, headers: headersFor(decision) })
 *
 * @throws PENKNIFE_INVALID for a wrong option.
 */
export function headersFor(
  decision: LimiterDecision,
  options: HeadersForOptions = {},
): Record<string, string> {
  checkOptions('headersFor', options, ['headers', 'draft', 'partitionKey', 'legacyNames', 'cost', 'subject'])
  checkHeaderOptions('headersFor', options)
  const headers: Record<string, string> = {}
  const response = {
    getHeader: (name: string) => headers[name],
    setHeader(name: string, value: HeaderValue) {
      headers[name] = String(value)
    },
    appendHeader(name: string, member: string) {
      headers[name] = headers[name] === undefined ? member : `${headers[name]}, ${member}`
    },
  }
  const { cost = 1, subject } = options
  headerWriter(options)(response, decision, { cost, subject })
  const seconds = decision.allowed ? undefined : retryAfterSeconds(decision)
  if (seconds !== undefined) headers['Retry-After'] = String(seconds)
  return headers
}

/** The name of a header field (RFC 9110, 5.1). */
const FIELD_NAME = /^[\w!#$%&'*+.^`|~-]+$/

export function checkHeaderOptions(name: string, options: HeaderOptions): void {
  const { headers = 'draft', draft, legacyNames } = options
  checkPartitionKey(name, options)
  if (legacyNames !== undefined) {
    checkOptions(`${name} legacyNames`, legacyNames, ['limit', 'remaining', 'reset'])
    for (const [field, text] of Object.entries(legacyNames)) {
      if (typeof text !== 'string' || !FIELD_NAME.test(text))
        throw invalid(`${name} legacyNames.${field}`, text, "give a header name such as 'X-Rate-Limit-Left'")
    }
    if (headers === 'draft' || headers === 'none')
      throw invalid(`${name} legacyNames`, legacyNames, "give headers: 'legacy' or 'both', too")
  }
  if (!HEADERS.includes(headers)) {
    throw invalid(`${name} headers`, headers, `give one of ${HEADERS.join(', ')}`)
  }
  if (draft === undefined) return
  if (!DRAFTS.includes(draft)) {
    throw invalid(`${name} draft`, draft, `give one of ${DRAFTS.join(', ')} (11 is written like 8 to 10)`)
  }
  if (headers === 'legacy' || headers === 'none') {
    throw invalid(
      `${name} draft`,
      draft,
      `leave it out: no draft's headers are sent with headers: '${headers}'`,
    )
  }
}

function checkPartitionKey(
  name: string,
  { headers = 'draft', draft = 11, partitionKey = false }: HeaderOptions,
): void {
  if (typeof partitionKey !== 'boolean')
    throw invalid(`${name} partitionKey`, partitionKey, 'give true or false')
  if (!partitionKey) return
  if (draft !== 11 || headers === 'legacy' || headers === 'none')
    throw invalid(`${name} partitionKey`, partitionKey, 'leave it out: only the fields of draft 11 have it')
}
