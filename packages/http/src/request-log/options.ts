import { checkOptions, invalid, wholeNumber } from '@penknife/core/internal'

import type { Answered } from '../ask.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { RequestEntry } from './entry.ts'

/** Where entries go: a stream of @penknife/core, of RequestEntry or of what `fields` makes of it. */
export interface RequestStream {
  add(payload: RequestEntry): Promise<unknown>
}

export interface RequestLogOptions {
  /**
   * Requests that are not logged: only where it returns (or resolves with) `true`. Asked when the request comes, which
   * does not wait for it. When it fails, or answers anything but true and false, that is reported once and the request is
   * logged. Default: none.
   */
  readonly skip?: (exchange: Exchange) => Answered<boolean>
  /**
   * Further members of an entry, or others in place of its own; called when the request finished. When it fails, or
   * answers anything but an object, the entry is lost and `onError` is called. Default: none.
   */
  readonly fields?: (exchange: Exchange, entry: RequestEntry) => Answered<object>
  /** Entries on their way to Redis at most; further ones are dropped. A whole number from 1 to 1,000,000. Default: 1,000. */
  readonly maxPending?: number
  /**
   * Called for every entry that failed and for the first of a run of dropped ones, with the number of entries lost so
   * far; may be async. Default: one process warning (code PENKNIFE_REQUEST_LOG) in the middleware's life.
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
