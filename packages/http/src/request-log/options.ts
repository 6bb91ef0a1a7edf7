import { checkOptions, invalid, wholeNumber } from '@penknife/core/internal'

import type { Answered } from '../ask.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { RequestEntry } from './entry.ts'

/** The stream for the entries: a stream of @penknife/core with RequestEntry, or with the result of `fields`. */
export interface RequestStream {
  add(payload: RequestEntry): Promise<unknown>
}

/** @typeParam Context what the framework gives its middlewares: `exchange.context` in the callbacks */
export interface RequestLogOptions<Context = unknown> {
  /**
   * Returns `true`, or a promise of it, for a request that is not logged. It is called when the request arrives; the request
   * does not wait for it. An error, or another value than true and false, is reported once, and the request is logged.
   * Default: none.
   */
  readonly skip?: (exchange: Exchange<Context>) => Answered<boolean>
  /**
   * Returns more fields of an entry, or other values for its own. It is called when the request is finished. If it fails, or
   * returns anything but an object, the entry is lost and `onError` is called. Default: none.
   */
  readonly fields?: (exchange: Exchange<Context>, entry: RequestEntry) => Answered<object>
  /** The most entries on their way to Redis. Further ones are dropped. A whole number from 1 to 1,000,000. Default: 1,000. */
  readonly maxPending?: number
  /**
   * Called for every entry that failed, and for the first of several dropped ones, with the number of entries lost so far.
   * It may be async. Default: one process warning (code PENKNIFE_REQUEST_LOG) for each middleware.
   */
  readonly onError?: (error: unknown, lost: number) => unknown
}

const OPTIONS = ['skip', 'fields', 'maxPending', 'onError'] as const

export function checkRequestLog(stream: RequestStream, options: RequestLogOptions): void {
  if (typeof stream?.add !== 'function')
    throw invalid('requestLog stream', stream, 'give a stream made by createStream')
  checkOptions('requestLog', options, OPTIONS)
  for (const name of ['skip', 'fields', 'onError'] as const) {
    const value: unknown = options[name]
    if (value !== undefined && typeof value !== 'function') {
      throw invalid(`requestLog ${name}`, value, 'give a function')
    }
  }
  wholeNumber('requestLog maxPending', options.maxPending ?? 1, 1, 1_000_000)
}
