import type { LimiterDecision } from '@penknife/core'

import type { Reply } from '../answer.ts'
import { secondsUp } from '../headers.ts'
import { problem } from '../problem.ts'

/** The problem types that the draft registers. */
const QUOTA_EXCEEDED = 'https://iana.org/assignments/http-problem-types#quota-exceeded'
const ABNORMAL_USAGE = 'https://iana.org/assignments/http-problem-types#abnormal-usage-detected'
export const REDUCED_CAPACITY: string =
  'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity'

/** The reply to a client on the deny list. */
export const FORBIDDEN: Reply = problem(403, { detail: 'Requests from this address are refused.' })

/** The status of a request whose client disconnected before its address was known. Nobody receives it. */
export const DISCONNECTED: Reply = { status: 499 }

/**
 * Whole seconds after which the same request can pass, rounded up, at least 1. Undefined when it never can: the limit is 0.
 */
export function retryAfterSeconds({ retryAfterMs }: LimiterDecision): number | undefined {
  return Number.isFinite(retryAfterMs) ? Math.max(1, secondsUp(retryAfterMs)) : undefined
}

/** The default reply to a denied request. */
export function limited(decision: LimiterDecision, tellReason: boolean): Reply {
  const seconds = retryAfterSeconds(decision)
  // A limit of 0 denies whether Redis is available or not.
  if (decision.decidedBy === 'policy' && seconds !== undefined) {
    return problem(503, {
      type: REDUCED_CAPACITY,
      title: 'Temporarily reduced capacity',
      detail: 'The rate limit cannot be checked at the moment.',
      extra: { 'violated-policies': decision.violated },
    })
  }
  const { blocked } = decision
  if (blocked) {
    return problem(429, {
      type: ABNORMAL_USAGE,
      title: seconds === undefined ? 'Blocked' : 'Blocked for a time',
      detail: tellReason ? blocked.reason : undefined,
      extra: { 'violated-policies': decision.violated },
    })
  }
  return problem(429, {
    type: QUOTA_EXCEEDED,
    title: 'Quota exceeded',
    detail:
      seconds === undefined
        ? 'This quota admits no request.'
        : `Too many requests. Try again in ${seconds} second${seconds === 1 ? '' : 's'}.`,
    extra: { 'violated-policies': decision.violated },
  })
}
