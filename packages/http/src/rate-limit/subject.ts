import { hashSubject, invalid, isSubject } from '@penknife/core'

import { isGone } from '../exchange/ending.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { warnOfProxy } from './forwarded.ts'
import { ipKey } from './ip.ts'
import type { RateLimitOptions } from './options.ts'

const NO_ADDRESS =
  "the default key is the client's address, which a unix socket or an unset 'trust proxy' lacks: give a key function"
const NO_KEY =
  'the key function must answer text that is not empty for every request: turn requests without it away before, ' +
  'for example with 401, or limit them by their address (ipKey)'

/**
 * Makes the function that says who a request counts for.
 *
 * Undefined when that cannot be told and nobody waits for an answer: the address of a socket is gone with it.
 */
export function subjectFinder({
  key,
  ipv6Prefix,
}: RateLimitOptions): (exchange: Exchange) => Promise<string | undefined> {
  return async (exchange) => {
    const found: unknown = key ? await key(exchange) : addressKey(exchange, ipv6Prefix)
    if (typeof found === 'string' && found !== '') return isSubject(found) ? found : hashSubject(found)
    if (isGone(exchange.response)) return undefined
    throw invalid('rateLimit key', found, key ? NO_KEY : NO_ADDRESS)
  }
}

function addressKey(exchange: Exchange, ipv6Prefix: number | undefined): string | undefined {
  warnOfProxy(exchange)
  return exchange.ip && ipKey(exchange.ip, ipv6Prefix)
}
