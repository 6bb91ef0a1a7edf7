import type { LimiterDecision } from '@penknife/core'

import type { Exchange } from './exchange/exchange.ts'
import { carrierOf } from './exchange/http-exchange.ts'
import { holdersOf } from './exchange/state.ts'

const DECISIONS: unique symbol = Symbol.for('penknife.decisions') as never

interface Decided {
  [DECISIONS]?: { readonly limiter: string; readonly decision: LimiterDecision }[]
}

/** Stores a rate limit's decision on the request, for `decisionOf`. */
export function storeDecision(exchange: Exchange, limiter: string, decision: LimiterDecision): void {
  const decided = carrierOf(exchange).holder as Decided
  ;(decided[DECISIONS] ??= []).push({ limiter, decision })
}

/** All decisions about a request so far, with the names of their limiters. Undefined when there is none. */
export function decisionsOn(
  exchange: Exchange,
): readonly { readonly limiter: string; readonly decision: LimiterDecision }[] | undefined {
  return (carrierOf(exchange).holder as Decided)[DECISIONS]
}

/**
 * The decision of a `rateLimit` middleware about a request, for the handlers after it. Undefined when no such middleware
 * counted the request.
 *
 *     app.get('/', (request, response) => response.json({ left: decisionOf(request)?.remaining }))
 *
 * @param request the request of node:http, Express, Fastify or Nest; the context of Koa or Hono; in fetch the Request
 * @param limiter the name of a limiter. Default: the latest decision.
 */
export function decisionOf(request: object, limiter?: string): LimiterDecision | undefined {
  for (const holder of holdersOf(request) as readonly (Decided | undefined)[]) {
    const found = holder?.[DECISIONS]?.findLast(
      (decided) => limiter === undefined || decided.limiter === limiter,
    )
    if (found) return found.decision
  }
  return undefined
}
