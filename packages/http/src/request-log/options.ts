import type { Duration, StreamRetention } from '@penknife/core'
import { checkOptions, durationMs, invalid, wholeNumber } from '@penknife/core/internal'

import type { Answered } from '../ask.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { RequestAddress } from './address.ts'
import type { RequestEntry } from './entry.ts'
import { isSecretName } from './redact.ts'
import type { RequestIdOptions } from './request-id.ts'
import type { RequestSampling } from './sampling.ts'

/**
 * Where the entries go: the result of `createRequestStream`, or a stream of `createStream` with RequestEntry, or with the result of `fields`. Any
 * other object gets each entry once, by `add`.
 */
export interface RequestStream {
  add(payload: RequestEntry): Promise<unknown>
}

/** @typeParam Context what the framework gives its middlewares: `exchange.context` in the callbacks */
export interface RequestLogOptions<Context = unknown> {
  /**
   * Requests that are not logged, such as those of assets and health checks. A list of paths, such as `['/health', '/assets/*', '*.css']`:
   * GET and HEAD requests for them that end with a status below 400. Or a function that returns `true`, or a promise of it. It is
   * called when the request arrives; the request does not wait for it. An error, or another value than true and false, is
   * reported once, and the request is logged. Default: none.
   */
  readonly skip?: readonly string[] | ((exchange: Exchange<Context>) => Answered<boolean>) | undefined
  /**
   * Returns more fields of an entry, or other values for its own. It is called when the request is finished. If it fails, or
   * returns anything but an object, the entry is lost and `onError` is called. Default: none.
   */
  readonly fields?: ((exchange: Exchange<Context>, entry: RequestEntry) => Answered<object>) | undefined
  /** Returns the user of a request, when it is finished: at most 128 characters. Default: none. */
  readonly user?: ((exchange: Exchange<Context>) => string | undefined) | undefined
  /** Names of the query parameters whose values are logged. Names of secrets, such as `token`, are refused. Default: none. */
  readonly query?: readonly string[] | undefined
  /** What is logged of the client's address: 'keep', 'prefix', `{ hashKey }` or false. Default: 'keep'. */
  readonly ip?: RequestAddress | undefined
  /** The id of a request: its header, and whether one of the client is taken. `false`: none. Default: `X-Request-Id`. */
  readonly requestId?: RequestIdOptions | false | undefined
  /** Logs a share of the requests: 0 to 1, or shares by route. Errors, slow and limited requests are always logged. Default: all. */
  readonly sample?: number | RequestSampling | undefined
  /**
   * The most entries in memory. When there is no room, as while Redis is away, the oldest are dropped and counted. A whole number from
   * 1 to 1,000,000. Default: 10,000.
   */
  readonly maxPending?: number | undefined
  /** The most bytes of those entries: a whole number from 65,536. Default: 8 MiB. */
  readonly maxPendingBytes?: number | undefined
  /** How long an entry waits for others, so that they are written together: 1 ms to 10 s. Default: 50 ms. */
  readonly flushInterval?: Duration | undefined
  /**
   * Called for every entry that failed, for the first of several dropped ones, and for the first of several errors of Redis that are no outage, with the number of
   * entries lost so far. It may be async. Default: one process warning (code PENKNIFE_REQUEST_LOG) for each middleware.
   */
  readonly onError?: ((error: unknown, lost: number) => unknown) | undefined
}

/** Options of `requestLog(space, name, options)`. */
export interface RequestLogSpaceOptions<Context = unknown>
  extends RequestLogOptions<Context>, RequestStreamOptions {}

/** Options of a stream of entries. */
export interface RequestStreamOptions {
  /**
   * Which entries are kept. Older ones are deleted, whatever the groups of the stream have read. Default: 100,000 entries, at most 7 days
   * old.
   */
  readonly retain?: Omit<StreamRetention, 'lossy'> | undefined
}

const OPTIONS = [
  'skip',
  'fields',
  'user',
  'query',
  'ip',
  'requestId',
  'sample',
  'maxPending',
  'maxPendingBytes',
  'flushInterval',
  'onError',
] as const

/** The bounds of the buffer. */
export interface RequestLogBounds {
  readonly maxPending: number
  readonly maxPendingBytes: number
  readonly intervalMs: number
}

/** Checks the options that are checked nowhere else. */
export function checkRequestLog(options: RequestLogOptions): RequestLogBounds {
  checkOptions('requestLog', options, OPTIONS)
  for (const name of ['fields', 'user', 'onError'] as const) {
    const value: unknown = options[name]
    if (value !== undefined && typeof value !== 'function') {
      throw invalid(`requestLog ${name}`, value, 'give a function')
    }
  }
  const { query = [], maxPending = 10_000, maxPendingBytes = 8 << 20, flushInterval = 50 } = options
  if (!Array.isArray(query))
    throw invalid('requestLog query', query, "give a list of names, such as ['page']")
  for (const name of query as readonly unknown[]) {
    if (typeof name !== 'string' || name === '' || name.length > 64 || name === '__proto__')
      throw invalid(
        'an entry of requestLog query',
        name,
        'give the name of a parameter, at most 64 characters',
      )
    if (isSecretName(name))
      throw invalid(
        'an entry of requestLog query',
        name,
        'its value may be a secret, which is never logged; leave it out',
      )
  }
  return {
    maxPending: wholeNumber('requestLog maxPending', maxPending, 1, 1_000_000),
    maxPendingBytes: wholeNumber('requestLog maxPendingBytes', maxPendingBytes, 65_536, 2 ** 31),
    intervalMs: durationMs('requestLog flushInterval', flushInterval, { min: 1, max: 10_000 }),
  }
}
