import type { IncomingMessage, ServerResponse } from 'node:http'

import { type Closable, type Exchange, PASS, type Plugin, type Reply } from '@penknife/http'
import {
  closable,
  createExchanges,
  isStreamReply,
  keptBody,
  leaderboardPlugin,
  misplaced,
  notificationsPlugin,
  prepare,
  rateLimitPlugin,
  renderReply,
  requestLogPlugin,
  socketAddress,
  type View,
} from '@penknife/http/adapter'

export * from '@penknife/http/plugins'

/** A context of Koa 2 or 3, as far as penknife reads and writes it. */
export interface KoaContext {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly originalUrl: string
  readonly request: { readonly ip: string }
  /** Left by @koa/router. */
  readonly _matchedRoute?: string | RegExp | undefined
  readonly app?: { readonly proxy?: boolean; readonly maxIpsCount?: number; readonly proxyIpHeader?: string }
  status: number
  body: unknown
  respond?: boolean | undefined
  set(name: string, value: string | string[]): void
}

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
  request: ({ req }) => req,
  response: ({ res }) => res,
  url: ({ originalUrl }) => originalUrl,
  ip: ({ req, request }) => request.ip || socketAddress(req),
  ipCanBeForged: ({ app }) => Boolean(app?.proxy && !app.maxIpsCount && hasMany(app.proxyIpHeader)),
  proxyFix: 'app.proxy = true and app.maxIpsCount = 1 for one proxy',
  route: ({ _matchedRoute: route }) =>
    typeof route === 'string' || route instanceof RegExp ? String(route) : undefined,
  parsedBody: ({ request }) => keptBody((request as Parsed).rawBody, (request as Parsed).body),
}

const exchangeOf: (context: KoaContext) => Exchange = createExchanges(view)

/** Turns a plugin into a middleware for Koa. */
export function adapt<Args extends readonly unknown[]>(
  plugin: Plugin<Args>,
): (...args: Args) => KoaMiddleware {
  return (...args) => {
    const prepared = prepare(plugin, args)
    const { decide, send } = prepared
    async function serve(context: KoaContext, next: () => Promise<unknown>): Promise<void> {
      const exchange = exchangeOf(context)
      const answer = await decide(exchange)
      if (answer === PASS) {
        await next()
      } else if (isStreamReply(answer)) {
        // Koa takes a broken stream body for an application error: the stream is not Koa's to send.
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

/** A whole reply goes through Koa, so that middlewares above it still see and change it. */
function reply(context: KoaContext, answer: Reply): void {
  const { status, headers, body = null } = renderReply(answer)
  for (const [name, value] of Object.entries(headers))
    context.set(name, isList(value) ? [...value] : String(value))
  context.body = body
  context.status = status
}

/** Whether proxies add to a header, so that what the client wrote stands first; of others they write the one value. */
function hasMany(proxyIpHeader = 'X-Forwarded-For'): boolean {
  return proxyIpHeader.toLowerCase() === 'x-forwarded-for'
}

function isList(value: unknown): value is readonly string[] {
  return Array.isArray(value)
}

type Middleware<Source> = Source extends Plugin<infer Args> ? (...args: Args) => KoaMiddleware : never

/** Lets requests pass while a limiter allows them, answers 429 with `Retry-After` when not. */
export const rateLimit: Middleware<typeof rateLimitPlugin> = adapt(rateLimitPlugin)
/** Makes each finished request an entry of a stream, off the request's path. */
export const requestLog: Middleware<typeof requestLogPlugin> = adapt(requestLogPlugin)
/** Server-sent events of a notifier's channels, for a browser's own EventSource. */
export const notifications: Middleware<typeof notificationsPlugin> = adapt(notificationsPlugin)
/** A board's top, around and rank as JSON, with ETag and short caching. */
export const leaderboard: Middleware<typeof leaderboardPlugin> = adapt(leaderboardPlugin)
