import type { BlockList } from 'node:net'

import {
  checkOptions,
  type Decision,
  invalid,
  type RateLimiter,
  type Rule,
  type Subject,
} from '@penknife/core'

import type { Reply } from '../answer.ts'
import type { Exchange, Finish } from '../exchange/exchange.ts'
import { DRAFTS, type HeaderOptions, HEADERS } from './headers.ts'

type Answered<T> = T | Promise<T>

export interface RateLimitOptions extends HeaderOptions {
  /**
   * Who a request counts for. Default: the client's address as the framework resolved it, IPv6 by its network.
   *
   * An object for rules with `per`: `{ tenant, user, ip: ipKey(exchange.ip) }`. Any text will do, also what a client
   * sent: what is too long or not fit for a key is hashed. An empty or missing key or part is an error
   * (PENKNIFE_INVALID), never one bucket shared by all who have none.
   */
  readonly key?: (
    exchange: Exchange,
  ) => Answered<Subject | Readonly<Record<string, string | undefined>> | undefined>
  /** How much of an IPv6 address the default key looks at: 1 to 128 bits. Default: 64. */
  readonly ipv6Prefix?: number
  /** Tokens a request takes: a whole number from 0 to the smallest burst. Default: 1. */
  readonly cost?: number | ((exchange: Exchange) => Answered<number>)
  /**
   * The rules for this request, such as those of the client's plan; undefined means the limiter's own. Give the
   * same array for the same plan: it is read once.
   */
  readonly rules?: (exchange: Exchange) => Answered<readonly Rule[] | undefined>
  /** Requests that are let through uncounted. Default: none. */
  readonly skip?: (exchange: Exchange) => Answered<boolean>
  /** Addresses and networks (CIDR) that are let through uncounted, or a BlockList of node:net. Default: none. */
  readonly allow?: readonly string[] | BlockList
  /** Addresses and networks (CIDR) that get 403, before `allow` is asked; costs no Redis command. Default: none. */
  readonly deny?: readonly string[] | BlockList
  /**
   * Gives the tokens back when the request ended so, as a login guard does with `({ status }) => status < 400`.
   * Asked once, when the response is finished or the client left (`aborted`; status 499 without an answer).
   */
  readonly refundIf?: (finish: Finish, exchange: Exchange) => boolean
  /** Tells a blocked client why: the block's reason becomes the problem's `detail`. Default: false. */
  readonly tellReason?: boolean
  /** Makes the reply to a denied request; `Retry-After` is set already. Default: 429 as problem+json. */
  readonly onLimited?: (exchange: Exchange, decision: Decision) => Answered<Reply>
}

const OPTIONS = [
  'key',
  'ipv6Prefix',
  'cost',
  'rules',
  'skip',
  'allow',
  'deny',
  'refundIf',
  'tellReason',
  'headers',
  'draft',
  'onLimited',
] as const
const FUNCTIONS = ['key', 'rules', 'skip', 'refundIf', 'onLimited'] as const

export function checkRateLimit(limiter: RateLimiter, options: RateLimitOptions): void {
  if (typeof limiter?.take !== 'function') {
    throw invalid('rateLimit limiter', limiter, 'give a limiter made by createRateLimiter')
  }
  checkOptions('rateLimit', options, OPTIONS)
  for (const name of FUNCTIONS) {
    const value: unknown = options[name]
    if (value !== undefined && typeof value !== 'function') {
      throw invalid(`rateLimit ${name}`, value, 'give a function of the exchange')
    }
  }
  const { cost = 1, ipv6Prefix = 64, headers = 'draft', draft = 11, tellReason = false } = options
  if (typeof cost !== 'function' && (!Number.isInteger(cost) || cost < 0)) {
    throw invalid('rateLimit cost', cost, 'give a whole number from 0, or a function of the exchange')
  }
  if (!Number.isInteger(ipv6Prefix) || ipv6Prefix < 1 || ipv6Prefix > 128) {
    throw invalid('rateLimit ipv6Prefix', ipv6Prefix, 'give a whole number of bits from 1 to 128')
  }
  if (typeof tellReason !== 'boolean') {
    throw invalid('rateLimit tellReason', tellReason, 'give true or false')
  }
  if (!HEADERS.includes(headers)) {
    throw invalid('rateLimit headers', headers, `give one of ${HEADERS.join(', ')}`)
  }
  if (!DRAFTS.includes(draft)) {
    throw invalid('rateLimit draft', draft, `give one of ${DRAFTS.join(', ')} (11 is written like 8 to 10)`)
  }
}
