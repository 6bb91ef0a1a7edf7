import type { ServerResponse } from 'node:http'

import { PASS } from './answer.ts'
import type { Exchange, NativeRequest, NativeResponse } from './exchange/exchange.ts'
import { createExchanges } from './exchange/http-exchange.ts'
import { keptBody, socketAddress, type View } from './exchange/view.ts'
import { idempotentPlugin } from './idempotent/plugin.ts'
import { leaderboardPlugin } from './leaderboard/plugin.ts'
import { misplaced } from './misplaced.ts'
import { notificationsPlugin } from './notifications/plugin.ts'
import { closable, type Closable, type Plugin, prepare } from './plugin.ts'
import { rateLimitPlugin } from './rate-limit/plugin.ts'
import { requestLogPlugin } from './request-log/plugin.ts'

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

interface Context {
  readonly request: NativeRequest
  readonly response: NativeResponse
}

/** What some body parsers for node:http add to the request. */
interface Parsed {
  readonly rawBody?: unknown
  readonly body?: unknown
}

const view: View<Context> = {
  request: ({ request }) => request,
  response: ({ response }) => response,
  url: ({ request }) => request.url ?? '',
  ip: ({ request }) => socketAddress(request),
  proxyFix:
    'give rateLimit a key function that reads what your proxy wrote, such as the last address of the header',
  route: () => undefined,
  parsedBody: ({ request }) => keptBody((request as Parsed).rawBody, (request as Parsed).body),
}

const exchangeOf: (context: Context) => Exchange = createExchanges(view)

/** Turns a plugin into a middleware for plain node:http, HTTP/1.1 and HTTP/2. */
export function adapt<Args extends readonly unknown[]>(
  plugin: Plugin<Args>,
): (...args: Args) => NodeMiddleware {
  return (...args) => {
    const prepared = prepare(plugin, args)
    const { decide, send } = prepared
    async function continues(exchange: Exchange): Promise<boolean> {
      const answer = await decide(exchange)
      if (answer !== PASS) send(exchange, answer)
      return answer === PASS
    }
    // A third argument is a `next`, which nothing would call: the request would hang.
    function middleware(
      request: NativeRequest,
      response: NativeResponse,
      ...rest: unknown[]
    ): Promise<boolean> {
      if (rest.length > 0 || typeof (response as ServerResponse | undefined)?.setHeader !== 'function') {
        throw misplaced('@penknife/http', "a request and a response alone, as a node:http server's listener")
      }
      return continues(exchangeOf({ request, response }))
    }
    return closable(middleware, prepared)
  }
}

type Middleware<Source> = Source extends Plugin<infer Args> ? (...args: Args) => NodeMiddleware : never

/** Lets requests pass while a limiter allows them; denies the others with 429. */
export const rateLimit: Middleware<typeof rateLimitPlugin> = adapt(rateLimitPlugin)
/** Adds each finished request to a stream. Requests do not wait for it. */
export const requestLog: Middleware<typeof requestLogPlugin> = adapt(requestLogPlugin)
/** Serves the channels of a notifier as server-sent events. */
export const notifications: Middleware<typeof notificationsPlugin> = adapt(notificationsPlugin)
/** Serves a board's top, around and rank as JSON, with ETag. */
export const leaderboard: Middleware<typeof leaderboardPlugin> = adapt(leaderboardPlugin)
/** Runs the handler once for each `Idempotency-Key`, and replays its stored response to repetitions. */
export const idempotent: Middleware<typeof idempotentPlugin> = adapt(idempotentPlugin)
