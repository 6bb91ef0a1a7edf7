import { checkOptions, invalid } from '@penknife/core'

import { PASS } from '../answer.ts'
import type { Exchange, Finish } from '../exchange/exchange.ts'
import { definePlugin, type Handler, type Plugin } from '../plugin.ts'
import { warn } from '../warn.ts'
import { createSink } from './sink.ts'

/** One finished request. What a client sent is cut to the stated length. */
export interface RequestEntry {
  /** When the request came, milliseconds since 1970. */
  readonly at: number
  /** At most 32 characters. */
  readonly method: string
  /** Without the query; at most 1,024 characters. */
  readonly path: string
  /** The matched route's pattern, when the framework told one. */
  readonly route?: string
  /** 499 when the client left before there was an answer. */
  readonly status: number
  /** Milliseconds to two decimals. */
  readonly durationMs: number
  /** Bytes of the bodies. */
  readonly bytesIn: number
  readonly bytesOut: number
  /** At most 64 characters. */
  readonly ip?: string
  /** At most 256 characters. */
  readonly userAgent?: string
  /** The client left before it got the whole response. */
  readonly aborted: boolean
}

/** Where entries go: a stream of @penknife/core, of RequestEntry or of what `fields` makes of it. */
export interface RequestStream {
  add(payload: RequestEntry): Promise<unknown>
}

export interface RequestLogOptions {
  /** Requests that are not logged. Default: none. */
  readonly skip?: (exchange: Exchange) => boolean
  /** Further members of an entry, or others in place of its own; called when the request finished. Default: none. */
  readonly fields?: (exchange: Exchange, entry: RequestEntry) => object
  /** Entries on their way to Redis at most; further ones are dropped. A whole number from 1. Default: 1,000. */
  readonly maxPending?: number
  /**
   * Told of every entry that failed and of the first of a run of dropped ones, with the number of entries lost so
   * far. Default: one process warning (code PENKNIFE_REQUEST_LOG) in the middleware's life.
   */
  readonly onError?: (error: unknown, lost: number) => void
}

const OPTIONS = ['skip', 'fields', 'maxPending', 'onError'] as const

/**
 * Makes each finished request an entry of a stream, off the request's path: no request waits for Redis or fails
 * with it, and while Redis is away a bounded number of entries waits.
 *
 * `close()` resolves when the entries on their way have settled. One stream `add` for each request; those of one
 * turn share an EVALSHA.
 */
export const requestLogPlugin: Plugin<[stream: RequestStream, options?: RequestLogOptions]> = definePlugin({
  name: 'requestLog',
  setup(stream, options = {}) {
    check(stream, options)
    const { skip, fields, maxPending = 1000, onError = warnOnce() } = options
    const sink = createSink((entry: RequestEntry) => stream.add(entry), {
      maxPending,
      onError: careful(onError),
    })

    const handler: Handler = (exchange) => {
      if (skip?.(exchange)) return PASS
      const at = Date.now()
      // Asked for now: once the socket is gone it has no address.
      const { ip } = exchange
      exchange.onFinish((finish) => {
        sink.add(() => {
          const entry = toEntry(exchange, finish, at, ip)
          return fields ? { ...entry, ...fields(exchange, entry) } : entry
        })
      })
      return PASS
    }
    handler.close = () => sink.settled()
    return handler
  },
})

function toEntry(exchange: Exchange, finish: Finish, at: number, ip: string | undefined): RequestEntry {
  const route = exchange.route()
  const userAgent = exchange.header('user-agent')
  return {
    at,
    method: exchange.method.slice(0, 32),
    path: exchange.path.slice(0, 1024),
    ...(route === undefined ? {} : { route: route.slice(0, 256) }),
    status: finish.status,
    durationMs: Math.round(finish.durationMs * 100) / 100,
    bytesIn: finish.bytesIn,
    bytesOut: finish.bytesOut,
    ...(ip === undefined ? {} : { ip: ip.slice(0, 64) }),
    ...(userAgent === undefined ? {} : { userAgent: userAgent.slice(0, 256) }),
    aborted: finish.aborted,
  }
}

type OnError = NonNullable<RequestLogOptions['onError']>

function warnOnce(): OnError {
  let warned = false
  return (error) => {
    if (warned) return
    warned = true
    warn('PENKNIFE_REQUEST_LOG', 'entries of the request log are being lost', error)
  }
}

/** An error reporter that fails must not take the process along. */
function careful(onError: OnError): OnError {
  return (error, lost) => {
    try {
      onError(error, lost)
    } catch (failure) {
      warn('PENKNIFE_REQUEST_LOG', "the request log's onError failed", failure)
    }
  }
}

function check(stream: RequestStream, options: RequestLogOptions): void {
  if (typeof stream?.add !== 'function')
    throw invalid('requestLog stream', stream, 'give a stream made by createStream')
  checkOptions('requestLog', options, OPTIONS)
  for (const name of ['skip', 'fields', 'onError'] as const) {
    const value: unknown = options[name]
    if (value !== undefined && typeof value !== 'function') {
      throw invalid(`requestLog ${name}`, value, 'give a function')
    }
  }
  const { maxPending = 1 } = options
  if (!Number.isInteger(maxPending) || maxPending < 1) {
    throw invalid('requestLog maxPending', maxPending, 'give a whole number from 1')
  }
}
