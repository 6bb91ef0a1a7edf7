import type { RateLimiter } from '@penknife/core'

import { PASS } from '../answer.ts'
import { decides, isYes, runAsync } from '../ask.ts'
import { checkReply } from '../check-reply.ts'
import { storeDecision } from '../decisions.ts'
import { definePlugin, type Handler, type Plugin } from '../plugin.ts'
import { reportOnce } from '../warn.ts'
import { recordCharge } from './charged-twice.ts'
import { distinctNames, headerWriter } from './headers.ts'
import { mustDecide, listOf } from './lists.ts'
import { askCost, checkRateLimit, costOf, type RateLimitOptions, rulesOf } from './options.ts'
import { createReport, keepUntilEnd } from './give-back.ts'
import { FORBIDDEN, limited, retryAfterSeconds, DISCONNECTED } from './replies.ts'
import { subjectFinder } from './subject.ts'

/** The longest request: one that ends later gives nothing back. */
const LONGEST_REQUEST = '30d'

/**
 * Lets requests pass while the limiter allows them. Otherwise it replies 429 with `Retry-After`.
 *
 * A slot of a concurrency rule is kept until the response is finished or the client disconnected. When Redis does not answer,
 * the limiter's `whenUnavailable` decides: 'open' lets the request pass, 'closed' replies 503, 'throw' passes the error to
 * the framework. One script call for each request, and one more when `refundIf` returns true, `costAfter` another cost than
 * the estimate, or a slot is released.
 *
 * Callbacks may be async. Errors of `key`, `cost`, `rules`, `skip` and `onLimited` are passed to the framework. A `refundIf`
 * that fails gives nothing back, and is reported once as a process warning.
 */
export const rateLimitPlugin: Plugin<[limiter: RateLimiter, options?: RateLimitOptions], Handler> =
  definePlugin({
    name: 'rateLimit',
    setup(limiter, options = {}) {
      checkRateLimit(limiter, options)
      const { cost = 1, rules, skip, refundIf, costAfter, onReached, onLimited, tellReason = false } = options
      const isAllowed = listOf('rateLimit allow', options.allow)
      const isDenied = listOf('rateLimit deny', options.deny)
      const needsAddress = [options.allow, options.deny].some((list) => list && typeof list !== 'function')
      const subjectOf = subjectFinder(options)
      const writeHeaders = headerWriter(options)
      const report = createReport()
      const counts = 'rateLimit counts requests for which'
      const reportSkip = reportOnce('PENKNIFE_CALLBACK', `${counts} skip returned neither true nor false`)
      const reportAllow = reportOnce('PENKNIFE_CALLBACK', `${counts} allow returned neither true nor false`)
      const reportReached = reportOnce('PENKNIFE_CALLBACK', 'onReached of rateLimit failed')
      const reportRefund = reportOnce('PENKNIFE_CALLBACK', 'rateLimit gives nothing back when refundIf fails')

      const reportCost = reportOnce(
        'PENKNIFE_CALLBACK',
        'rateLimit charges the estimate when costAfter fails',
      )

      const handler: Handler = async (exchange) => {
        const ip = needsAddress || !options.key ? exchange.ip : undefined
        if (needsAddress && ip === undefined && exchange.gone) return DISCONNECTED
        if (isDenied) {
          const answer = isDenied(exchange, ip)
          if (mustDecide('rateLimit deny', typeof answer === 'boolean' ? answer : await answer))
            return FORBIDDEN
        }
        if (isAllowed) {
          const answer = isAllowed(exchange, ip)
          if (isYes('rateLimit allow', typeof answer === 'boolean' ? answer : await answer, reportAllow))
            return PASS
        }
        if (skip && isYes('rateLimit skip', await skip(exchange), reportSkip)) return PASS
        const found = subjectOf(exchange, ip)
        const subject = found instanceof Promise ? await found : found
        if (subject === undefined) return DISCONNECTED
        const tokens = typeof cost === 'function' ? costOf(await cost(exchange)) : cost
        const own = rules && rulesOf(await rules(exchange))
        const taking = own ? { cost: tokens, rules: own } : tokens === 1 ? undefined : { cost: tokens }
        if (tokens > 0) recordCharge(exchange, limiter, subject)
        // A reservation stores its time, so that a late refund does not give back tokens that came back already.
        const reservation =
          costAfter || (refundIf && tokens > 0)
            ? await limiter.reserve(subject, { ...taking, cost: tokens, expires: LONGEST_REQUEST })
            : undefined
        const decision = reservation?.decision ?? (await limiter.take(subject, taking))
        storeDecision(exchange, limiter.name, decision)
        if (decision.lease) keepUntilEnd(exchange, decision.lease, report)
        const named = distinctNames(exchange, decision, limiter.name)
        writeHeaders(exchange, named, { cost: tokens, subject })
        if (!decision.allowed) {
          const seconds = retryAfterSeconds(decision)
          if (seconds !== undefined) exchange.setHeader('Retry-After', String(seconds))
          if (!onLimited) return limited(named, tellReason)
          return checkReply('rateLimit onLimited', await onLimited(exchange, decision))
        }
        if (onReached && decision.decidedBy !== 'policy' && decision.remaining < tokens) {
          void runAsync(() => onReached(exchange, decision), reportReached)
        }
        if (refundIf && reservation) {
          exchange.onFinish((finish) => {
            void decides('rateLimit refundIf', () => refundIf(finish, exchange), reportRefund)
              .then((yes) => (yes ? reservation.cancel() : undefined))
              .catch(report)
          })
        }
        if (costAfter && reservation) {
          exchange.onFinish((finish) => {
            void askCost(() => costAfter(finish, exchange), reportCost)
              .then((actual) => (actual === undefined ? undefined : reservation.commit(actual)))
              .catch(report)
          })
        }
        return PASS
      }
      return handler
    },
  })
