import type { IncomingMessage, ServerResponse } from 'node:http'

import { type Closable, type Exchange, PASS, type Plugin } from '@penknife/http'
import {
  closable,
  createExchanges,
  idempotentPlugin,
  keptBody,
  leaderboardPlugin,
  misplaced,
  notificationsPlugin,
  prepare,
  rateLimitPlugin,
  requestLogPlugin,
  socketAddress,
  type View,
} from '@penknife/http/adapter'

import { routeOf } from './route.ts'

export * from '@penknife/http/plugins'

/** The parts of a request of Express 4 or 5 that penknife reads. */
export interface ExpressRequest extends IncomingMessage {
  readonly originalUrl: string
  readonly baseUrl: string
  readonly ip?: string | undefined
  /** The application that serves the request. */
  readonly app?: { readonly settings?: unknown }
  readonly route?: { readonly path: unknown }
}

/** What body parsers add to a request. Not in `ExpressRequest`, so that the type of `request.body` in handlers stays. */
interface Parsed {
  readonly body?: unknown
  readonly rawBody?: unknown
}

/** A middleware for Express 4 and 5: `app.use(…)`. */
export interface ExpressMiddleware extends Closable {
  (request: ExpressRequest, response: ServerResponse, next: (error?: unknown) => void): void
}

interface Context {
  readonly request: ExpressRequest
  readonly response: ServerResponse
}

const view: View<Context> = {
  request: ({ request }) => request,
  response: ({ response }) => response,
  url: ({ request }) => request.originalUrl ?? request.url,
  ip: ({ request }) => request.ip ?? socketAddress(request),
  ipCanBeForged: ({ request }) =>
    (request.app?.settings as Record<string, unknown> | undefined)?.['trust proxy'] === true,
  proxyFix: "app.set('trust proxy', 1) for one proxy, or the proxies' addresses",
  route: ({ request }) => routeOf(request),
  parsedBody: ({ request }) => keptBody((request as Parsed).rawBody, (request as Parsed).body),
}

const exchangeOf: (context: Context) => Exchange = createExchanges(view)

/** Turns a plugin into a middleware for Express. */
export function adapt<Args extends readonly unknown[]>(
  plugin: Plugin<Args>,
): (...args: Args) => ExpressMiddleware {
  return (...args) => {
    const prepared = prepare(plugin, args)
    const { decide, send } = prepared
    async function continues(exchange: Exchange): Promise<boolean> {
      const answer = await decide(exchange)
      if (answer !== PASS) send(exchange, answer)
      return answer === PASS
    }
    // Express 4 ignores promises, so nothing may reject here.
    const middleware: (...given: Parameters<ExpressMiddleware>) => void = (request, response, next) => {
      if (typeof next !== 'function' || typeof response?.setHeader !== 'function') {
        throw misplaced('@penknife/express', 'a request, a response and next, as Express does')
      }
      continues(exchangeOf({ request, response })).then((goesOn) => goesOn && next(), next)
    }
    return closable(middleware, prepared)
  }
}

type Middleware<Source> = Source extends Plugin<infer Args> ? (...args: Args) => ExpressMiddleware : never

/** Lets requests pass while a limiter allows them; denies the others with 429 and `Retry-After`. */
export const rateLimit: Middleware<typeof rateLimitPlugin> = adapt(rateLimitPlugin)
/** Adds each finished request to a stream. Requests do not wait for it. */
export const requestLog: Middleware<typeof requestLogPlugin> = adapt(requestLogPlugin)
/** Serves the channels of a notifier as server-sent events, for a browser's EventSource. */
export const notifications: Middleware<typeof notificationsPlugin> = adapt(notificationsPlugin)
/** Serves a board's top, around and rank as JSON, with ETag and short caching. */
export const leaderboard: Middleware<typeof leaderboardPlugin> = adapt(leaderboardPlugin)
/** Runs the handler once for each `Idempotency-Key`, and replays its stored response to repetitions. */
export const idempotent: Middleware<typeof idempotentPlugin> = adapt(idempotentPlugin)
