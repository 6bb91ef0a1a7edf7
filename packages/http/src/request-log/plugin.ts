import { invalid } from '@penknife/core/internal'

import { PASS } from '../answer.ts'
import { decides } from '../ask.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { definePlugin, type Handler, type Plugin } from '../plugin.ts'
import { reportOnce } from '../warn.ts'
import { type RequestEntry, toEntry } from './entry.ts'
import { checkRequestLog, type RequestLogOptions, type RequestStream } from './options.ts'
import { createSink, type SinkOptions } from './sink.ts'

const CODE = 'PENKNIFE_REQUEST_LOG'

/** The most logged requests a second of clients that reset their connection at once. */
const MAX_RESETS = 10
const TOO_MANY_RESETS = `clients reset more than ${MAX_RESETS} connections a second at once; further requests of such clients are not logged`

/**
 * Adds each finished request to a stream. No request waits for Redis or fails with it. While Redis is away a bounded number
 * of entries waits. A callback that fails is reported, and fails no request.
 *
 * A client that resets its connection at once has no address to limit it by. Ten such requests a second are logged.
 *
 * `close()` resolves when the entries on their way have settled, and at its deadline (10 s) in any case. Cost: one stream
 * `add` for each request; those of a tick share an EVALSHA.
 */
export const requestLogPlugin: Plugin<[stream: RequestStream, options?: RequestLogOptions], Handler> =
  definePlugin({
    name: 'requestLog',
    setup(stream, options = {}) {
      checkRequestLog(stream, options)
      const { skip, fields, maxPending = 1000 } = options
      const onError = careful(options.onError ?? reportOnce(CODE, 'requestLog loses entries'))
      const sink = createSink((entry: RequestEntry) => stream.add(entry), { maxPending, onError })
      const admitReset = perSecond(MAX_RESETS, () => sink.resume(TOO_MANY_RESETS))
      const reportSkip = reportOnce(CODE, 'requestLog logs requests for which skip failed')

      /** Whether to skip a request. An error of `skip` does not reach the request. */
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
        if (exchange.gone && !admitReset()) {
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

/** Makes an `onError` whose own errors do not end the process. */
function careful(onError: OnError): SinkOptions['onError'] {
  const report = reportOnce(CODE, 'onError of requestLog failed')
  return (reason, lost) => void (async () => onError(reason, lost))().catch(report)
}

/** Makes a function that returns true `most` times a second. `renewed` is called at the first time of each second. */
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
