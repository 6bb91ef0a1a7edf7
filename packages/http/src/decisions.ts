import type { LimiterDecision } from '@penknife/core'

import type { NativeRequest } from './exchange/exchange.ts'

const DECISIONS = Symbol.for('penknife.decisions')

interface Decided {
  [DECISIONS]?: { readonly limiter: string; readonly decision: LimiterDecision }[]
}

/** Stores a rate limit's decision on the request, for `decisionOf`. */
export function storeDecision(request: NativeRequest, limiter: string, decision: LimiterDecision): void {
  const decided = request as Decided
  ;(decided[DECISIONS] ??= []).push({ limiter, decision })
}

/**
 * The decision of a `rateLimit` middleware about a request, for the handlers after it. Undefined when no such middleware
 * counted the request.
 *
 *     app.get('/', (request, response) => response.json({ left: decisionOf(request)?.remaining }))
 *
 * @param request node's request, Express' request, or Koa's context
 * @param limiter the name of a limiter. Default: the latest decision.
 */
export function decisionOf(
  request: NativeRequest | { readonly req: NativeRequest },
  limiter?: string,
): LimiterDecision | undefined {
  const { [DECISIONS]: decisions } = ('req' in request ? request.req : request) as Decided
  return decisions?.findLast((decided) => limiter === undefined || decided.limiter === limiter)?.decision
}
