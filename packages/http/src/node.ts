import type { ServerResponse } from 'node:http'

import type { Exchange, NativeRequest, NativeResponse } from './exchange/exchange.ts'
import { createExchanges } from './exchange/http-exchange.ts'
import { NodeCarrier, socketAddress } from './exchange/node-carrier.ts'
import { stateOf } from './exchange/state.ts'
import { keptBody, type View } from './exchange/view.ts'
import { type Middlewares, middlewares } from './middlewares.ts'
import { misplaced } from './misplaced.ts'
import { closable, type Closable, type Plugin, prepare } from './plugin.ts'

/**
 * A middleware for plain node:http and node:http2 servers. Resolves with true when the request continues, and with false
 * when it was answered. Rejects with the error of the plugin.
 *
 *     const limit = rateLimit(limiter)
 *     createServer(async (request, response) => {
 *       if (!(await limit(request, response))) return
 *       response.end('hello')
 *     })
 *
 * For connect: `(req, res, next) => limit(req, res).then((continues) => continues && next(), next)`.
 */
export interface NodeMiddleware extends Closable {
  (request: NativeRequest, response: NativeResponse): Promise<boolean>
}

/** `exchange.context` of the middlewares for node:http. */
export interface NodeContext {
  readonly request: NativeRequest
  readonly response: NativeResponse
}

/** What some body parsers for node:http add to the request. */
interface Parsed {
  readonly rawBody?: unknown
  readonly body?: unknown
}

const view: View<NodeContext> = {
  request: ({ request }) => stateOf(request),
  carrier: ({ request, response }) => new NodeCarrier(request, response),
  url: ({ request }) => request.url ?? '',
  ip: ({ request }) => socketAddress(request),
  proxyFix:
    'give rateLimit a key function that reads what your proxy wrote, such as the last address of the header',
  route: () => undefined,
  parsedBody: ({ request }) => keptBody((request as Parsed).rawBody, (request as Parsed).body),
}

export const exchangeOf: (context: NodeContext) => Exchange<NodeContext> = createExchanges(view)

/** Turns a plugin into a middleware for plain node:http, HTTP/1.1 and HTTP/2. */
export function adapt<Args extends readonly unknown[]>(
  plugin: Plugin<Args>,
): (...args: Args) => NodeMiddleware {
  return (...args) => {
    const prepared = prepare(plugin, args)
    // A third argument is a `next`, which nothing would call: the request would hang.
    function middleware(
      request: NativeRequest,
      response: NativeResponse,
      ...rest: unknown[]
    ): Promise<boolean> {
      if (rest.length > 0 || typeof (response as ServerResponse | undefined)?.setHeader !== 'function') {
        throw misplaced('@penknife/http', "a request and a response alone, as a node:http server's listener")
      }
      return Promise.resolve(prepared.continues(exchangeOf({ request, response })))
    }
    return closable(middleware, prepared)
  }
}

const made: Middlewares<NodeContext, NodeMiddleware> = middlewares(adapt)

/** Lets requests pass while a limiter allows them; denies the others with 429. */
export const rateLimit: typeof made.rateLimit = made.rateLimit
/** Adds each finished request to a stream: a bounded one of this name, or one of the application. Requests do not wait for it. */
export const requestLog: typeof made.requestLog = made.requestLog
/** Serves the channels of a notifier as server-sent events. */
export const notifications: typeof made.notifications = made.notifications
/** Serves a board's top, around and rank as JSON, with ETag. */
export const leaderboard: typeof made.leaderboard = made.leaderboard
/** Runs the handler once for each `Idempotency-Key`, and replays its stored response to repetitions. */
export const idempotent: typeof made.idempotent = made.idempotent
/** Adds an entry to a work queue for each POST, and serves its state, progress, output and result. */
export const accept: typeof made.accept = made.accept
