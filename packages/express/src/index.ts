import type { IncomingMessage, ServerResponse } from 'node:http'

import { type Closable, type Exchange, logError, type Plugin } from '@penknife/http'
import {
  closable,
  createExchanges,
  keptBody,
  type Middlewares,
  middlewares,
  misplaced,
  NodeCarrier,
  prepare,
  socketAddress,
  stateOf,
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

declare global {
  // The one that @types/express declares, and that an application extends: it has `user` of passport, for example.
  namespace Express {
    interface Request {}
    interface Response {}
  }
}

/**
 * The request in `exchange.context`, with what the application added to `Express.Request`. Not in `ExpressRequest`, so that the types of
 * `request.body` and `request.params` in handlers stay.
 */
export interface ExpressContextRequest extends ExpressRequest, Express.Request {
  /** The parameters of the matched route. */
  readonly params: Readonly<Record<string, string>>
  /** What a body parser left, and a raw copy that it kept. */
  readonly body?: unknown
  readonly rawBody?: unknown
}

/** `exchange.context` of the middlewares for Express. For your own types: `rateLimit<{ request: Request; response: Response }>(…)`. */
export interface ExpressContext {
  readonly request: ExpressContextRequest
  readonly response: ServerResponse
}

/** A middleware for Express 4 and 5: `app.use(…)`. */
export interface ExpressMiddleware extends Closable {
  (request: ExpressRequest, response: ServerResponse, next: (error?: unknown) => void): void
}

const view: View<ExpressContext> = {
  request: ({ request }) => stateOf(request),
  carrier: ({ request, response }) => new NodeCarrier(request, response),
  url: ({ request }) => request.originalUrl ?? request.url,
  ip: ({ request }) => (takesSocketAddress(request) ? undefined : request.ip) ?? socketAddress(request),
  ipCanBeForged: ({ request }) =>
    (request.app?.settings as Record<string, unknown> | undefined)?.['trust proxy'] === true,
  proxyFix: "app.set('trust proxy', 1) for one proxy, or the proxies' addresses",
  route: ({ request }) => routeOf(request),
  parsedBody: ({ request }) => keptBody(request.rawBody, request.body),
}

/** Whether `request.ip` is the socket's address, which costs less to read: without trusted proxies, unless a middleware replaced it. */
function takesSocketAddress(request: ExpressRequest): boolean {
  const { 'trust proxy': trusted } = (request.app?.settings ?? {}) as Record<string, unknown>
  return trusted === false && !Object.hasOwn(request, 'ip')
}

const exchangeOf: (context: ExpressContext) => Exchange<ExpressContext> = createExchanges(view)

/** Turns a plugin into a middleware for Express. */
export function adapt<Args extends readonly unknown[]>(
  plugin: Plugin<Args>,
): (...args: Args) => ExpressMiddleware {
  return (...args) => {
    const prepared = prepare(plugin, args)
    // Express 4 ignores promises, so nothing may reject here.
    const middleware: (...given: Parameters<ExpressMiddleware>) => void = (request, response, next) => {
      if (typeof next !== 'function' || typeof response?.setHeader !== 'function') {
        throw misplaced('@penknife/express', 'a request, a response and next, as Express does')
      }
      const continues = prepared.continues(
        exchangeOf({ request: request as ExpressContextRequest, response }),
      )
      if (continues === true) next()
      else continues.then((goesOn) => goesOn && next(), next)
    }
    return closable(middleware, prepared)
  }
}

/** An error handler for Express 4 and 5. */
export interface ExpressErrorMiddleware {
  (error: unknown, request: ExpressRequest, response: ServerResponse, next: (error?: unknown) => void): void
}

/**
 * Notes the error of a request for its entry in the request log, and passes it on. Mount it after the routes and before your own error
 * handlers: `app.use(logErrors)`.
 */
export const logErrors: ExpressErrorMiddleware = (error, request, _response, next) => {
  logError(request, error)
  next(error)
}

const made: Middlewares<ExpressContext, ExpressMiddleware> = middlewares(adapt)

/** Lets requests pass while a limiter allows them; denies the others with 429 and `Retry-After`. */
export const rateLimit: typeof made.rateLimit = made.rateLimit
/** Adds each finished request to a stream: a bounded one of this name, or one of the application. Requests do not wait for it. */
export const requestLog: typeof made.requestLog = made.requestLog
/** Serves the channels of a notifier as server-sent events, for a browser's EventSource. */
export const notifications: typeof made.notifications = made.notifications
/** Serves a board's top, around and rank as JSON, with ETag and short caching. */
export const leaderboard: typeof made.leaderboard = made.leaderboard
/** Runs the handler once for each `Idempotency-Key`, and replays its stored response to repetitions. */
export const idempotent: typeof made.idempotent = made.idempotent
/** Adds an entry to a work queue for each POST, and serves its state, progress, output and result. */
export const accept: typeof made.accept = made.accept
