import type { Closable, Exchange, Plugin } from '@penknife/http'
import {
  closable,
  createExchanges,
  FetchCarrier,
  type Middlewares,
  middlewares,
  misplaced,
  prepare,
  serveFetch,
  stateOf,
  type View,
} from '@penknife/http/adapter'

export { forwardedFor } from './address.ts'
export * from '@penknife/http/plugins'

/** What an application gives a middleware beside the request. It may have members of its own, for the callbacks. */
export interface FetchContext {
  /**
   * The client's address: `server.requestIP(request)?.address` in Bun, `info.remoteAddr.hostname` in Deno, `forwardedFor(request)`
   * behind a proxy. Without it, `rateLimit` needs a `key` function.
   */
  readonly ip?: string | undefined
  /** The pattern of the matched route, for the request log. */
  readonly route?: string | undefined
  /** The request's body, if it was read before: a Request gives it only once. */
  readonly rawBody?: string | Uint8Array | undefined
}

/** `exchange.context` of the middlewares for fetch: what the application gave, and the request. */
export type FetchExchangeContext<Given extends FetchContext = FetchContext> = Given & {
  readonly request: Request
}

/** A middleware for servers of Request and Response. Rejects with the error of the plugin, or of `next`. */
export interface FetchMiddleware extends Closable {
  /** @param next the next middleware or handler. Give the request on that it gets: its body is whole. */
  (
    request: Request,
    context: FetchContext,
    next: (request: Request) => Response | Promise<Response>,
  ): Promise<Response>
}

const view: View<FetchExchangeContext> = {
  request: ({ request }) => stateOf(request),
  carrier: ({ request }) => new FetchCarrier(request, stateOf(request)),
  url: ({ request }) => request.url,
  ip: ({ ip }) => ip,
  proxyFix: 'give the address to the middleware: limit(request, { ip: forwardedFor(request) }, next)',
  route: ({ route }) => route,
  parsedBody: ({ rawBody }) => rawBody,
}

const exchangeOf: (context: FetchExchangeContext) => Exchange<FetchExchangeContext> = createExchanges(view)

/** Turns a plugin into a middleware for servers of Request and Response. */
export function adapt<Args extends readonly unknown[]>(
  plugin: Plugin<Args>,
): (...args: Args) => FetchMiddleware {
  return (...args) => {
    const prepared = prepare(plugin, args)
    const middleware: (...given: Parameters<FetchMiddleware>) => Promise<Response> = (
      request,
      context,
      next,
    ) => {
      if (typeof next !== 'function' || !(request instanceof Request)) {
        throw misplaced('@penknife/fetch', 'a Request, a context such as { ip }, and next')
      }
      return serveFetch(prepared, exchangeOf({ ...context, request }), next)
    }
    return closable(middleware, prepared)
  }
}

const made: Middlewares<FetchExchangeContext, FetchMiddleware> = middlewares(adapt)

/** Lets requests pass while a limiter allows them; denies the others with 429 and `Retry-After`. */
export const rateLimit: typeof made.rateLimit = made.rateLimit
/** Adds each finished request to a stream. Requests do not wait for it. */
export const requestLog: typeof made.requestLog = made.requestLog
/** Serves the channels of a notifier as server-sent events, for a browser's EventSource. */
export const notifications: typeof made.notifications = made.notifications
/** Serves a board's top, around and rank as JSON, with ETag and short caching. */
export const leaderboard: typeof made.leaderboard = made.leaderboard
/** Runs the handler once for each `Idempotency-Key`, and replays its stored response to repetitions. */
export const idempotent: typeof made.idempotent = made.idempotent
/** Adds an entry to a work queue for each POST, and serves its state, progress, output and result. */
export const accept: typeof made.accept = made.accept
