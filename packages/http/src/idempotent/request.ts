import { createHash } from 'node:crypto'

import { invalid } from '@penknife/core/internal'

import type { Exchange } from '../exchange/exchange.ts'
import type { Settings } from './options.ts'

/** A request as it is claimed. */
export interface RequestId {
  /** A hash of tenant, method, route and key. */
  readonly id: string
  /** A hash of the payload. */
  readonly fingerprint: string
}

/**
 * Hashes what makes a request unique, and its payload. Whatever a client sends, both have 43 characters.
 *
 * @throws PENKNIFE_INVALID for a wrong answer of a callback; what `exchange.rawBody` and callbacks throw
 */
export async function identify(exchange: Exchange, key: string, settings: Settings): Promise<RequestId> {
  const { method, path, url } = exchange
  const { tenant: tenantOf, route: routeOf, fingerprint, maxRequestBytes } = settings
  const tenant = textOf('tenant', await tenantOf(exchange))
  const route = routeOf ? textOf('route', await routeOf(exchange)) : path
  const body = await exchange.rawBody(maxRequestBytes)
  const hash = createHash('sha256')
  if (fingerprint) hash.update(payloadOf(await fingerprint(exchange, body)))
  // Neither has a line break.
  else hash.update(`${url.slice(path.length)}\n${mediaTypeOf(exchange)}\n`).update(body)
  return {
    id: createHash('sha256')
      .update(JSON.stringify([tenant, method, route, key]))
      .digest('base64url'),
    fingerprint: hash.digest('base64url'),
  }
}

/** Without parameters: a repetition of the same bytes may write a charset in another way. */
function mediaTypeOf(exchange: Exchange): string {
  return (exchange.header('content-type')?.split(';')[0] ?? '').trim().toLowerCase()
}

function textOf(callback: string, answer: unknown): string {
  if (typeof answer === 'string' && answer !== '') return answer
  throw invalid(
    `the answer of idempotent ${callback}`,
    answer,
    'return text that is not empty for every request: refuse requests without it before, for example with 401',
  )
}

function payloadOf(answer: unknown): string | Uint8Array {
  if (typeof answer === 'string' || answer instanceof Uint8Array) return answer
  throw invalid('the answer of idempotent fingerprint', answer, 'return text or bytes')
}
