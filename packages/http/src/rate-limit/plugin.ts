import type { RateLimiter } from '@penknife/core'

import { PASS } from '../answer.ts'
import { definePlugin, type Handler, type Plugin } from '../plugin.ts'
import { headerWriter } from './headers.ts'
import { isListed, parseList } from './ip.ts'
import { checkRateLimit, type RateLimitOptions } from './options.ts'
import { createReport, holdUntilEnd } from './outcome.ts'
import { FORBIDDEN, limited, retryAfterSeconds, TO_NOBODY } from './replies.ts'
import { subjectFinder } from './subject.ts'

/**
 * Lets requests pass while the limiter allows them and answers 429 with `Retry-After` when not.
 *
 * A slot of a concurrency rule is held until the response is finished or the client left. When Redis does not
 * answer, the limiter's `whenUnavailable` decides: 'open' lets the request pass, 'closed' answers 503, 'throw' goes
 * to the framework's error handling. One script call for each request, one more where `refundIf` says yes or a slot
 * is given back.
 */
export const rateLimitPlugin: Plugin<[limiter: RateLimiter, options?: RateLimitOptions]> = definePlugin({
  name: 'rateLimit',
  setup(limiter, options = {}) {
    checkRateLimit(limiter, options)
    const { cost = 1, rules, skip, refundIf, onLimited, tellReason = false } = options
    const allowed = options.allow && parseList('rateLimit allow', options.allow)
    const denied = options.deny && parseList('rateLimit deny', options.deny)
    const subjectOf = subjectFinder(options)
    const tell = headerWriter(options)
    const report = createReport()

    const handler: Handler = async (exchange) => {
      if (denied && isListed(denied, exchange.ip)) return FORBIDDEN
      if (allowed && isListed(allowed, exchange.ip)) return PASS
      if (skip && (await skip(exchange))) return PASS
      const found = subjectOf(exchange)
      const subject = found instanceof Promise ? await found : found
      if (subject === undefined) return TO_NOBODY
      const tokens = typeof cost === 'function' ? await cost(exchange) : cost
      const own = rules && (await rules(exchange))
      const taking = own ? { cost: tokens, rules: own } : tokens === 1 ? undefined : { cost: tokens }
      const decision = await limiter.take(subject, taking)
      if (decision.lease) holdUntilEnd(exchange, decision.lease, report)
      tell(exchange, decision, tokens)
      if (!decision.allowed) {
        exchange.setHeader('Retry-After', String(retryAfterSeconds(decision)))
        return onLimited ? onLimited(exchange, decision) : limited(decision, tellReason)
      }
      if (refundIf && decision.decidedBy === 'redis' && tokens > 0) {
        exchange.onFinish((finish) => {
          if (refundIf(finish, exchange)) limiter.refund(subject, taking).catch(report)
        })
      }
      return PASS
    }
    return handler
  },
})
