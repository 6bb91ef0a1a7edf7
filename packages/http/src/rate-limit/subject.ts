import { hashSubject, type LimiterSubject } from '@penknife/core'
import { invalid, isSubject } from '@penknife/core/internal'

import type { Exchange } from '../exchange/exchange.ts'
import { warnOnce } from '../warn.ts'
import { proxyWarnings } from './forwarded.ts'
import { ipKey } from '../ip.ts'
import type { RateLimitOptions } from './options.ts'

const NO_ADDRESS =
  "the default key is the client's address, and the request has none (a unix socket, or 'trust proxy' is not set): give a key function"
const NO_KEY =
  'the key function must return text that is not empty for every request: reject requests without it before, ' +
  'for example with 401, or limit them by their address (ipKey)'

/** Finds the subject of a request; undefined when it has none because the client has disconnected. */
export type FindSubject = (
  exchange: Exchange,
  ip: string | undefined,
) => LimiterSubject | undefined | Promise<LimiterSubject | undefined>

/** Creates the function that finds the subject of a request. `ip` is the client's address, used without a key function. */
export function subjectFinder({ key, ipv6Prefix }: RateLimitOptions): FindSubject {
  if (!key) {
    const warnOfProxy = proxyWarnings()
    // Without a key function it is synchronous.
    return (exchange, ip) => {
      warnOfProxy(exchange, ip)
      return subjectOf(exchange, ip && ipKey(ip, ipv6Prefix), NO_ADDRESS)
    }
  }
  return async (exchange) => {
    const found: unknown = await key(exchange)
    warnOfBareAddress(exchange, found)
    return subjectOf(exchange, found, NO_KEY)
  }
}

function subjectOf(exchange: Exchange, key: unknown, fix: string): LimiterSubject | undefined {
  const missing = missingIn(key)
  if (!missing) return hashUnfit(key as LimiterSubject)
  if (exchange.gone) return undefined
  throw invalid(missing.name, missing.value, fix)
}

/** The missing key, or the first missing part of a key. */
function missingIn(key: unknown): { readonly name: string; readonly value: unknown } | undefined {
  if (typeof key !== 'object' || key === null) {
    return isText(key) ? undefined : { name: 'rateLimit key', value: key }
  }
  const part = Object.entries(key).find(([, value]) => !isText(value))
  return part && { name: `the part '${part[0]}' of the rateLimit key`, value: part[1] }
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== ''
}

/** Hashes text that is too long or unfit for a key. */
function hashUnfit(subject: LimiterSubject): LimiterSubject {
  if (typeof subject === 'string') return hashUnfitText(subject)
  return Object.fromEntries(Object.entries(subject).map(([part, text]) => [part, hashUnfitText(text)]))
}

function hashUnfitText(text: string): string {
  return isSubject(text) ? text : hashSubject(text)
}

/** Warns once when a key contains a whole IPv6 address: a client has 2^64 of them, and each would be a separate subject. */
function warnOfBareAddress(exchange: Exchange, key: unknown): void {
  const isBare = typeof key === 'string' ? isBareAddress(exchange, key) : hasBareAddress(exchange, key ?? {})
  if (!isBare) return
  warnOnce(
    'PENKNIFE_BARE_ADDRESS',
    '',
    'a rateLimit key contains a whole IPv6 address. A client can use very many of them, and gets a new quota with each. ' +
      'To fix it: use ipKey(exchange.ip), which counts by network',
  )
}

function isBareAddress(exchange: Exchange, text: unknown): boolean {
  // Few keys contain a colon; the address is computed only for those.
  if (typeof text !== 'string' || !text.includes(':')) return false
  const { ip } = exchange
  if (ip === undefined || !text.includes(ip)) return false
  const network = ipKey(ip)
  return network.includes('/') && !text.includes(network)
}

function hasBareAddress(exchange: Exchange, key: object): boolean {
  return Object.values(key).some((text) => isBareAddress(exchange, text))
}
