import {
  checkOptions,
  type Decision,
  hashSubject,
  invalid,
  isSubject,
  type RateLimiter,
} from '@penknife/core'

import { PASS, type Reply } from '../answer.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { secondsUp } from '../headers.ts'
import { definePlugin, type Handler, type Plugin } from '../plugin.ts'
import { problem } from '../problem.ts'
import { writeDraftHeaders, writeLegacyHeaders } from './headers.ts'
import { ipKey } from './ip-key.ts'

export interface RateLimitOptions {
  /**
   * Who a request counts for. Default: the client's address as the framework resolved it, IPv6 by its /64.
   *
   * Any text will do, also what a client sent: what is too long or not fit for a key is hashed. An empty or
   * missing key is an error (PENKNIFE_INVALID), never one bucket shared by all who have none.
   */
  readonly key?: (exchange: Exchange) => string | Promise<string>
  /** Tokens a request takes: a whole number from 0 to the smallest burst. Default: 1. */
  readonly cost?: number | ((exchange: Exchange) => number | Promise<number>)
  /** Requests that are let through uncounted. Default: none. */
  readonly skip?: (exchange: Exchange) => boolean | Promise<boolean>
  /** `RateLimit-Policy` and `RateLimit` (draft), `X-RateLimit-*` (legacy), both, or none. Default: 'draft'. */
  readonly headers?: 'draft' | 'legacy' | 'both' | 'none'
  /** Makes the reply to a denied request; `Retry-After` is set already. Default: 429 as problem+json. */
  readonly onLimited?: (exchange: Exchange, decision: Decision) => Reply | Promise<Reply>
}

const OPTIONS = ['key', 'cost', 'skip', 'headers', 'onLimited'] as const
const HEADERS = ['draft', 'legacy', 'both', 'none'] as const
const QUOTA_EXCEEDED = 'https://iana.org/assignments/http-problem-types#quota-exceeded'

/**
 * Lets requests pass while the limiter allows them and answers 429 with `Retry-After` when not.
 *
 * When Redis does not answer, the limiter's `whenUnavailable` decides: 'open' lets the request pass, 'closed'
 * answers 503, 'throw' goes to the framework's error handling. One script call for each request.
 */
export const rateLimitPlugin: Plugin<[limiter: RateLimiter, options?: RateLimitOptions]> = definePlugin({
  name: 'rateLimit',
  setup(limiter, options = {}) {
    check(limiter, options)
    const { key = addressKey, cost = 1, skip, headers = 'draft', onLimited } = options

    const handler: Handler = async (exchange) => {
      if (skip && (await skip(exchange))) return PASS
      const subject = toSubject(await key(exchange), key === addressKey ? NO_ADDRESS : NO_KEY)
      const tokens = typeof cost === 'function' ? await cost(exchange) : cost
      const decision = await limiter.take(subject, { cost: tokens })
      if (headers === 'draft' || headers === 'both') writeDraftHeaders(exchange, decision, limiter.rules)
      if (headers === 'legacy' || headers === 'both') writeLegacyHeaders(exchange, decision)
      if (decision.allowed) return PASS
      exchange.setHeader('Retry-After', String(Math.max(1, secondsUp(decision.retryAfterMs))))
      return onLimited ? onLimited(exchange, decision) : limited(decision)
    }
    return handler
  },
})

function limited({ decidedBy, retryAfterMs, violated }: Decision): Reply {
  if (decidedBy === 'policy')
    return problem(503, { detail: 'The rate limit cannot be checked at the moment.' })
  const seconds = Math.max(1, secondsUp(retryAfterMs))
  return problem(429, {
    type: QUOTA_EXCEEDED,
    title: 'Quota exceeded',
    detail: `Too many requests. Try again in ${seconds} second${seconds === 1 ? '' : 's'}.`,
    extra: { 'violated-policies': violated },
  })
}

function addressKey({ ip }: Exchange): string {
  return ip === undefined ? '' : ipKey(ip)
}

const NO_ADDRESS =
  "the default key is the client's address, which a unix socket or an unset 'trust proxy' lacks: give a key function"
const NO_KEY =
  'the key function must answer text that is not empty for every request: turn requests without it away before, ' +
  'for example with 401, or limit them by their address (ipKey)'

function toSubject(key: unknown, fix: string): string {
  if (typeof key === 'string' && key !== '') return isSubject(key) ? key : hashSubject(key)
  throw invalid('rateLimit key', key, fix)
}

function check(limiter: RateLimiter, options: RateLimitOptions): void {
  if (typeof limiter?.take !== 'function') {
    throw invalid('rateLimit limiter', limiter, 'give a limiter made by createRateLimiter')
  }
  checkOptions('rateLimit', options, OPTIONS)
  const { cost = 1, headers = 'draft' } = options
  for (const name of ['key', 'skip', 'onLimited'] as const) {
    const value: unknown = options[name]
    if (value !== undefined && typeof value !== 'function') {
      throw invalid(`rateLimit ${name}`, value, 'give a function of the exchange')
    }
  }
  if (typeof cost !== 'function' && (!Number.isInteger(cost) || cost < 0)) {
    throw invalid('rateLimit cost', cost, 'give a whole number from 0, or a function of the exchange')
  }
  if (!HEADERS.includes(headers))
    throw invalid('rateLimit headers', headers, `give one of ${HEADERS.join(', ')}`)
}
