import type { IncomingMessage, ServerResponse } from 'node:http'

import { type Closable, type Exchange, PASS, type Plugin, type Reply } from '@penknife/http'
import {
  closable,
  createExchanges,
  endUnsent,
  isStreamReply,
  keptBody,
  type Middlewares,
  middlewares,
  misplaced,
  NodeCarrier,
  noteError,
  prepare,
  renderReply,
  socketAddress,
  stateOf,
  type View,
} from '@penknife/http/adapter'
import type { ParameterizedContext } from 'koa'

export * from '@penknife/http/plugins'

/** The parts of a context of Koa 2 or 3 that penknife reads and writes. */
export interface KoaContext {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly originalUrl: string
  readonly request: { readonly ip: string }
  /** Set by @koa/router. */
  readonly _matchedRoute?: string | RegExp | undefined
  readonly app?: { readonly proxy?: boolean; readonly maxIpsCount?: number; readonly proxyIpHeader?: string }
  status: number
  body: unknown
  respond?: boolean | undefined
  set(name: string, value: string | string[]): void
}

/**
 * `exchange.context` in the callbacks: Koa's own context, with what the application or other packages declared for it (`DefaultState`,
 * `DefaultContext`). Name your own for the state of one application: `rateLimit<ParameterizedContext<{ user: User }>>(…)`.
 */
export type KoaCallbackContext = ParameterizedContext

/** What body parsers add to a request. Not in `KoaContext`, so that the type of `request.body` in handlers stays. */
interface Parsed {
  readonly body?: unknown
  readonly rawBody?: unknown
}

/** A middleware for Koa 2 and 3: `app.use(…)`. */
export interface KoaMiddleware extends Closable {
  (context: KoaContext, next: () => Promise<unknown>): Promise<void>
}

const view: View<KoaContext> = {
  request: ({ req }) => stateOf(req),
  carrier: ({ req, res }) => new NodeCarrier(req, res),
  url: ({ originalUrl }) => originalUrl,
  ip: ({ req, request }) => request.ip || socketAddress(req),
  ipCanBeForged: ({ app }) => Boolean(app?.proxy && !app.maxIpsCount && hasMany(app.proxyIpHeader)),
  proxyFix: 'app.proxy = true and app.maxIpsCount = 1 for one proxy',
  route: ({ _matchedRoute: route }) =>
    typeof route === 'string' || route instanceof RegExp ? String(route) : undefined,
  parsedBody: ({ request }) => keptBody((request as Parsed).rawBody, (request as Parsed).body),
}

const exchangeOf: (context: KoaContext) => Exchange<KoaContext> = createExchanges(view)

/** Turns a plugin into a middleware for Koa. */
export function adapt<Args extends readonly unknown[]>(
  plugin: Plugin<Args>,
): (...args: Args) => KoaMiddleware {
  return (...args) => {
    const prepared = prepare(plugin, args)
    const { decideNow, send } = prepared
    async function serve(context: KoaContext, next: () => Promise<unknown>): Promise<void> {
      const exchange = exchangeOf(context)
      const decision = decideNow(exchange)
      const answer = decision === PASS ? PASS : await decision
      if (answer === PASS) {
        await handle(exchange, context, next)
      } else if (isStreamReply(answer)) {
        // Koa would report a broken stream as an error of the application, so penknife sends the stream.
        context.respond = false
        send(exchange, answer)
      } else {
        reply(context, answer)
      }
    }
    function middleware(context: KoaContext, next: () => Promise<unknown>): Promise<void> {
      if (typeof next !== 'function' || typeof context?.res?.setHeader !== 'function' || !context.req) {
        throw misplaced('@penknife/koa', 'a context and next, as Koa does')
      }
      return serve(context, next)
    }
    return closable(middleware, prepared)
  }
}

/** Runs the rest. Koa ends no response, or an empty one, when the client left; a held response must have its body. */
async function handle(exchange: Exchange, context: KoaContext, next: () => Promise<unknown>): Promise<void> {
  try {
    await next()
  } catch (error) {
    noteError(exchange, error)
    endUnsent(context.res, undefined, 500)
    throw error
  }
  if (context.respond !== false) endUnsent(context.res, context.body)
}

/** Koa sends whole replies, so that middlewares above can read and change them. */
function reply(context: KoaContext, answer: Reply): void {
  const { status, headers, body = null } = renderReply(answer)
  for (const [name, value] of Object.entries(headers))
    context.set(name, isList(value) ? [...value] : String(value))
  context.body = body
  context.status = status
}

/** Whether proxies add their value to the header, after the client's. Other headers they overwrite. */
function hasMany(proxyIpHeader = 'X-Forwarded-For'): boolean {
  return proxyIpHeader.toLowerCase() === 'x-forwarded-for'
}

function isList(value: unknown): value is readonly string[] {
  return Array.isArray(value)
}

const made: Middlewares<KoaCallbackContext, KoaMiddleware> = middlewares(adapt)

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
