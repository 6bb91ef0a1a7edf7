import type { IncomingMessage, ServerResponse } from 'node:http'

import { type Closable, type Exchange, PASS, type Plugin } from '@penknife/http'
import {
  closable,
  createExchanges,
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

/** A request of Express 4 or 5, as far as penknife reads it. */
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
    async function goesOn(exchange: Exchange): Promise<boolean> {
      const answer = await decide(exchange)
      if (answer !== PASS) send(exchange, answer)
      return answer === PASS
    }
    // Express 4 does not look at promises: nothing may reject here.
    const middleware: (...given: Parameters<ExpressMiddleware>) => void = (request, response, next) => {
      if (typeof next !== 'function' || typeof response?.setHeader !== 'function') {
        throw misplaced('@penknife/express', 'a request, a response and next, as Express does')
      }
      goesOn(exchangeOf({ request, response })).then((on) => on && next(), next)
    }
    return closable(middleware, prepared)
  }
}

type Middleware<Source> = Source extends Plugin<infer Args> ? (...args: Args) => ExpressMiddleware : never

/** Lets requests pass while a limiter allows them, answers 429 with `Retry-After` when not. */
export const rateLimit: Middleware<typeof rateLimitPlugin> = adapt(rateLimitPlugin)
/** Makes each finished request an entry of a stream, off the request's path. */
export const requestLog: Middleware<typeof requestLogPlugin> = adapt(requestLogPlugin)
/** Server-sent events of a notifier's channels, for a browser's own EventSource. */
export const notifications: Middleware<typeof notificationsPlugin> = adapt(notificationsPlugin)
/** A board's top, around and rank as JSON, with ETag and short caching. */
export const leaderboard: Middleware<typeof leaderboardPlugin> = adapt(leaderboardPlugin)
