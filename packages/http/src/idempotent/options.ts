import type { Duration, Space } from '@penknife/core'
import { checkOptions, durationMs, invalid, wholeNumber } from '@penknife/core/internal'

import type { Answered } from '../ask.ts'
import type { Exchange } from '../exchange/exchange.ts'

/** @typeParam Context what the framework gives its middlewares: `exchange.context` in the callbacks */
export interface IdempotentOptions<Context = unknown> {
  /**
   * Returns the account that the request belongs to, such as the id of the authenticated user. Keys of different tenants never meet, so
   * that no client gets the stored response of another. An empty or missing answer is an error (PENKNIFE_INVALID).
   */
  readonly tenant: (exchange: Exchange<Context>) => Answered<string | undefined>
  /** Part of the keys in Redis. Middlewares with one name share their keys. Default: 'http'. */
  readonly name?: string | undefined
  /**
   * Returns the operation that a key belongs to. Default: the path as the client sent it. The pattern of a route is too coarse: with
   * '/orders/:id/pay' one key would be used for two orders.
   */
  readonly route?: ((exchange: Exchange<Context>) => Answered<string>) | undefined
  /** The methods whose requests need a key; others pass. POST, PUT, PATCH and DELETE are possible. Default: POST and PATCH. */
  readonly methods?: readonly string[] | undefined
  /** Whether a request without a key is refused with 400; `false` lets it pass unprotected. Default: true. */
  readonly required?: boolean | undefined
  /**
   * Returns the text or bytes that make two requests the same; their SHA-256 is stored. Give it for multipart bodies, whose boundary changes
   * with each attempt. Default: the query, the media type and the body's bytes.
   */
  readonly fingerprint?:
    | ((exchange: Exchange<Context>, body: Uint8Array) => Answered<string | Uint8Array>)
    | undefined
  /** The longest request body, which is buffered; a longer one gets 413. 0 to 16,777,216 bytes. Default: 1 MiB. */
  readonly maxRequestBytes?: number | undefined
  /**
   * The longest response body that is stored. A longer one is sent, and a repetition gets 409 with the reason. 0 to 1,048,576 bytes. Default:
   * 262,144.
   */
  readonly maxResponseBytes?: number | undefined
  /** Response headers to store beside the usual ones, such as 'X-Order-Id'. Set-Cookie is never stored. Default: none. */
  readonly headers?: readonly string[] | undefined
  /** For how long a response is kept and replayed: '1s' to '366d'. Default: '24h'. */
  readonly window?: Duration | undefined
  /**
   * For how long a request may be without renewal before a repetition may run the handler, as after a crash: '1s' to '1h'. Claims are renewed
   * at a third of it. Default: '30s'.
   */
  readonly lease?: Duration | undefined
  /** For how long at most a claim is renewed, at least `lease`: also of a handler that never answers. Default: '5m'. */
  readonly maxRun?: Duration | undefined
  /** How long a repetition waits for the first response before it gets 409: 0 to '1h'. Default: 0. */
  readonly wait?: Duration | undefined
  /**
   * Which responses are not stored, so that a repetition runs the handler again. `true`: those that say "try again": 408, 425, 429 and
   * 5xx, which is also how frameworks answer thrown errors. `false`: none. Or a function of the status. Default: true.
   */
  readonly forgetOnFailure?: boolean | ((status: number) => boolean) | undefined
  /** While Redis does not answer: 'closed' replies 503, 'open' lets requests pass unprotected. Default: 'closed'. */
  readonly whenUnavailable?: 'closed' | 'open' | undefined
  /**
   * `spread`: keys are spread over 16 shards of the space, on a cluster over its servers. `space`: all keys are in the space's slot. Give the
   * same everywhere. Default: 'spread'.
   */
  readonly place?: 'spread' | 'space' | undefined
}

const OPTIONS = [
  'tenant',
  'name',
  'route',
  'methods',
  'required',
  'fingerprint',
  'maxRequestBytes',
  'maxResponseBytes',
  'headers',
  'window',
  'lease',
  'maxRun',
  'wait',
  'forgetOnFailure',
  'whenUnavailable',
  'place',
] as const

const METHODS = ['POST', 'PUT', 'PATCH', 'DELETE']
const HOUR_MS = 3_600_000
/** Statuses that ask the client to try again, beside 5xx. */
const TRY_AGAIN: ReadonlySet<number> = new Set([408, 425, 429])

/** The options that the middleware itself uses, with their defaults. */
export interface Settings {
  readonly tenant: IdempotentOptions['tenant']
  readonly route: IdempotentOptions['route']
  readonly fingerprint: IdempotentOptions['fingerprint']
  readonly methods: ReadonlySet<string>
  readonly required: boolean
  readonly maxRequestBytes: number
  readonly maxResponseBytes: number
  readonly waitMs: number
  readonly forgets: (status: number) => unknown
  readonly open: boolean
}

/** Checks the options of the middleware; those of the claims are checked by the core. */
export function settingsOf(space: Space, options: IdempotentOptions): Settings {
  if (typeof space?.runtime?.bind !== 'function') {
    throw invalid('idempotent space', space, "give a space: connect(new Redis()).space('shop')")
  }
  checkOptions('idempotent', options, OPTIONS)
  if (typeof options.tenant !== 'function') {
    throw invalid(
      'idempotent tenant',
      options.tenant,
      'give a function that returns the account of a request, such as ({ request }) => request.user.id; ' +
        "return the same text for all only if every client may see every response: () => 'all'",
    )
  }
  for (const name of ['route', 'fingerprint'] as const) {
    const value: unknown = options[name]
    if (value !== undefined && typeof value !== 'function') {
      throw invalid(`idempotent ${name}`, value, 'give a function of the exchange')
    }
  }
  const { methods = ['POST', 'PATCH'], required = true, whenUnavailable = 'closed' } = options
  if (!Array.isArray(methods) || methods.length === 0 || methods.some((each) => !METHODS.includes(each))) {
    throw invalid('idempotent methods', String(methods), `give a list of ${METHODS.join(', ')}`)
  }
  if (typeof required !== 'boolean') throw invalid('idempotent required', required, 'give true or false')
  if (whenUnavailable !== 'closed' && whenUnavailable !== 'open') {
    throw invalid('idempotent whenUnavailable', whenUnavailable, "give 'closed' or 'open'")
  }
  return {
    tenant: options.tenant,
    route: options.route,
    fingerprint: options.fingerprint,
    methods: new Set(methods),
    required,
    maxRequestBytes: wholeNumber(
      'idempotent maxRequestBytes',
      options.maxRequestBytes ?? 1_048_576,
      0,
      16_777_216,
    ),
    maxResponseBytes: wholeNumber(
      'idempotent maxResponseBytes',
      options.maxResponseBytes ?? 262_144,
      0,
      1_048_576,
    ),
    waitMs: durationMs('wait', options.wait ?? 0, { min: 0, max: HOUR_MS }),
    forgets: forgetsOf(options.forgetOnFailure ?? true),
    open: whenUnavailable === 'open',
  }
}

function forgetsOf(answer: unknown): (status: number) => unknown {
  if (answer === true) return (status) => status >= 500 || TRY_AGAIN.has(status)
  if (answer === false) return () => false
  if (typeof answer !== 'function') {
    throw invalid('idempotent forgetOnFailure', answer, 'give true, false, or a function of the status')
  }
  return answer as (status: number) => unknown
}
