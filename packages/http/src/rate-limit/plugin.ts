import type { RateLimiter } from '@penknife/core'

import { PASS } from '../answer.ts'
import { definePlugin, type Handler, type Plugin } from '../plugin.ts'
import { headerWriter } from './headers.ts'
import { isListed, parseList } from './ip.ts'
import { checkRateLimit, type RateLimitOptions } from './options.ts'
import { FORBIDDEN, limited, retryAfterSeconds, TO_NOBODY } from './replies.ts'
import { subjectFinder } from './subject.ts'

/**
 * Lets requests pass while the limiter allows them and answers 429 with `Retry-After` when not.
 *
 * When Redis does not answer, the limiter's `whenUnavailable` decides: 'open' lets the request pass, 'closed'
 * answers 503, 'throw' goes to the framework's error handling. One script call for each request.
 */
export const rateLimitPlugin: Plugin<[limiter: RateLimiter, options?: RateLimitOptions]> = definePlugin({
  name: 'rateLimit',
  setup(limiter, options = {}) {
    checkRateLimit(limiter, options)
    const { cost = 1, skip, onLimited } = options
    const allowed = options.allow && parseList('rateLimit allow', options.allow)
    const denied = options.deny && parseList('rateLimit deny', options.deny)
    const subjectOf = subjectFinder(options)
    const tell = headerWriter(options)

    const handler: Handler = async (exchange) => {
      if (denied && isListed(denied, exchange.ip)) return FORBIDDEN
      if (allowed && isListed(allowed, exchange.ip)) return PASS
      if (skip && (await skip(exchange))) return PASS
      const subject = await subjectOf(exchange)
      if (subject === undefined) return TO_NOBODY
      const tokens = typeof cost === 'function' ? await cost(exchange) : cost
      const decision = await limiter.take(subject, { cost: tokens })
      tell(exchange, decision, tokens)
      if (decision.allowed) return PASS
      exchange.setHeader('Retry-After', String(retryAfterSeconds(decision)))
      return onLimited ? onLimited(exchange, decision) : limited(decision)
    }
    return handler
  },
})
