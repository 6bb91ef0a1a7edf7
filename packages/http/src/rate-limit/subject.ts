import { hashSubject, invalid, isSubject, type Subject } from '@penknife/core'

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
}: RateLimitOptions): (exchange: Exchange) => Subject | undefined | Promise<Subject | undefined> {
  // Without a key function nothing is waited for.
  if (!key) return (exchange) => subjectOf(exchange, addressKey(exchange, ipv6Prefix), NO_ADDRESS)
  return async (exchange) => subjectOf(exchange, await key(exchange), NO_KEY)
}

function subjectOf(exchange: Exchange, key: unknown, fix: string): Subject | undefined {
  const missing = missingIn(key)
  if (!missing) return safe(key as Subject)
  if (isGone(exchange.response)) return undefined
  throw invalid(missing.name, missing.value, fix)
}

function addressKey(exchange: Exchange, ipv6Prefix: number | undefined): string | undefined {
  warnOfProxy(exchange)
  return exchange.ip && ipKey(exchange.ip, ipv6Prefix)
}

/** What is not there of a key, or of one of its parts. */
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

/** Any text will do: what is too long or not fit for a key is hashed. */
function safe(subject: Subject): Subject {
  if (typeof subject === 'string') return safeText(subject)
  return Object.fromEntries(Object.entries(subject).map(([part, text]) => [part, safeText(text)]))
}

function safeText(text: string): string {
  return isSubject(text) ? text : hashSubject(text)
}
