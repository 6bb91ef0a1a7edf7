import { invalid } from '@penknife/core/internal'

import { PASS } from '../answer.ts'
import { decides } from '../ask.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { isGone } from '../exchange/ending.ts'
import { definePlugin, type Handler, type Plugin } from '../plugin.ts'
import { reportOnce } from '../warn.ts'
import { type RequestEntry, toEntry } from './entry.ts'
import { checkRequestLog, type RequestLogOptions, type RequestStream } from './options.ts'
import { createSink, type SinkOptions } from './sink.ts'

const CODE = 'PENKNIFE_REQUEST_LOG'

/** Entries a second of clients that had reset their connection before anybody saw their request. */
const MOST_RESETS = 10
const TOO_MANY_RESETS = `more than ${MOST_RESETS} connections a second are reset at once; their further requests are not logged`

/**
 * Makes each finished request an entry of a stream, off the request's path: no request waits for Redis or fails
 * with it, and while Redis is away a bounded number of entries waits. A callback that fails is reported and reaches no
 * request either.
 *
 * A client that resets its connection as soon as it sent a request has no address by which it could be limited: ten such
 * requests a second are logged.
 *
 * `close()` resolves when the entries on their way have settled, and after ten seconds in any case. One stream `add` for
 * each request; those of one turn share an EVALSHA.
 */
export const requestLogPlugin: Plugin<[stream: RequestStream, options?: RequestLogOptions], Handler> =
  definePlugin({
    name: 'requestLog',
    setup(stream, options = {}) {
      checkRequestLog(stream, options)
      const { skip, fields, maxPending = 1000 } = options
      const onError = careful(
        options.onError ?? reportOnce(CODE, 'entries of the request log are being lost'),
      )
      const sink = createSink((entry: RequestEntry) => stream.add(entry), { maxPending, onError })
      const admitReset = perSecond(MOST_RESETS, () => sink.resume(TOO_MANY_RESETS))
      const reportSkip = reportOnce(CODE, 'requests that skip did not decide about are logged')

      /** Whether a request is not to be logged; nothing that `skip` does reaches the request. */
      function skips(exchange: Exchange): boolean | Promise<boolean> {
        if (!skip) return false
        try {
          const answer: unknown = skip(exchange)
          return typeof answer === 'boolean' ? answer : decides('requestLog skip', () => answer, reportSkip)
        } catch (error) {
          reportSkip(error)
          return false
        }
      }

      const handler: Handler = (exchange) => {
        const skipped = skips(exchange)
        if (skipped === true) return PASS
        if (isGone(exchange.response) && !admitReset()) {
          sink.drop(TOO_MANY_RESETS)
          return PASS
        }
        const at = Date.now()
        const { ip } = exchange
        exchange.onFinish((finish) => {
          sink.add(async () => {
            const entry = toEntry(exchange, finish, at, ip)
            if (await skipped) return undefined
            return fields ? { ...entry, ...membersOf(await fields(exchange, entry)) } : entry
          })
        })
        return PASS
      }
      handler.close = (deadlineMs) => sink.settled(deadlineMs)
      return handler
    },
  })

function membersOf(answer: unknown): object {
  if (typeof answer === 'object' && answer !== null && !Array.isArray(answer)) return answer
  throw invalid('the answer of requestLog fields', answer, 'return an object with the members to add')
}

type OnError = NonNullable<RequestLogOptions['onError']>

/** An error reporter that throws, or rejects later, must not take the process along. */
function careful(onError: OnError): SinkOptions['onError'] {
  const report = reportOnce(CODE, "the request log's onError failed")
  return (reason, lost) => void (async () => onError(reason, lost))().catch(report)
}

/** Makes a function that is true `most` times in a second; `renewed` is called when it is true for the first time in one. */
function perSecond(most: number, renewed: () => void): () => boolean {
  let began = -Infinity
  let count = 0
  return () => {
    const now = performance.now()
    if (now - began >= 1000) {
      began = now
      count = 0
      renewed()
    }
    return ++count <= most
  }
}
