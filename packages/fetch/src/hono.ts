import type { Closable, Exchange, Plugin } from '@penknife/http'
import {
  closable,
  createExchanges,
  FetchCarrier,
  keptBody,
  type Middlewares,
  middlewares,
  misplaced,
  type NodeBelow,
  prepare,
  serveFetch,
  socketAddress,
  stateOf,
  type View,
} from '@penknife/http/adapter'
import type { Context, MiddlewareHandler } from 'hono'
import { matchedRoutes } from 'hono/route'

export { forwardedFor } from './address.ts'
export * from '@penknife/http/plugins'

/** Hono's context. Name your own for typed variables: `rateLimit<Context<{ Variables: { user: User } }>>(…)`. */
export type HonoContext = Context

/** A middleware for Hono: `app.use(…)`. */
export type HonoMiddleware = MiddlewareHandler & Closable

const ADDRESS = Symbol('penknife.address')

/**
 * Says where the client's address comes from. Mount it once, before the others. Without it, or if the function returns undefined, the
 * address is that of the socket on @hono/node-server; elsewhere there is none.
 *
 *     app.use(clientAddress((c) => getConnInfo(c).remote.address))
 *     app.use(clientAddress((c) => forwardedFor(c.req.raw)))   // behind a proxy
 */
export function clientAddress(addressOf: (context: HonoContext) => string | undefined): MiddlewareHandler {
  return (context, next) => {
    Object.assign(stateOf(context), { [ADDRESS]: addressOf(context) })
    return next()
  }
}

/** Node's objects below Hono, on @hono/node-server. */
function nodeBelow({ env }: HonoContext): NodeBelow | undefined {
  const below = env as Partial<NodeBelow> | undefined
  return below?.incoming && below.outgoing ? (below as NodeBelow) : undefined
}

const view: View<HonoContext> = {
  request: (context) => stateOf(context),
  carrier: (context) => new FetchCarrier(context.req.raw, stateOf(context), nodeBelow(context)),
  url: ({ req }) => req.url,
  ip(context) {
    const { [ADDRESS]: given } = stateOf(context) as { [ADDRESS]?: string }
    const below = nodeBelow(context)
    return given ?? (below && socketAddress(below.incoming))
  },
  proxyFix: 'app.use(clientAddress((c) => forwardedFor(c.req.raw))) for one proxy',
  route(context) {
    // The last handler that ran. A middleware's pattern, such as '*', is not that of a route.
    const path = matchedRoutes(context).at(context.req.routeIndex)?.path
    return path?.endsWith('*') ? undefined : path
  },
  async parsedBody({ req }) {
    // Hono keeps promises.
    const { text, arrayBuffer } = req.bodyCache as unknown as Cached
    const bytes = await arrayBuffer
    return keptBody(bytes && new Uint8Array(bytes), await text)
  },
}

interface Cached {
  readonly text?: Promise<string>
  readonly arrayBuffer?: Promise<ArrayBuffer>
}

const exchangeOf: (context: HonoContext) => Exchange<HonoContext> = createExchanges(view)

/** Turns a plugin into a middleware for Hono. */
export function adapt<Args extends readonly unknown[]>(
  plugin: Plugin<Args>,
): (...args: Args) => HonoMiddleware {
  return (...args) => {
    const prepared = prepare(plugin, args)
    const middleware: MiddlewareHandler = async (context, next) => {
      if (typeof next !== 'function' || !(context?.req?.raw instanceof Request)) {
        throw misplaced('@penknife/fetch/hono', 'a context and next, as Hono does')
      }
      const response = await serveFetch(prepared, exchangeOf(context), async (request) => {
        context.req.raw = request
        await next()
        return context.res
      })
      if (!context.finalized) return response
      if (context.res !== response) {
        // Hono would add the headers of the former response.
        context.res = undefined
        context.res = response
      }
      return undefined
    }
    return closable(middleware, prepared)
  }
}

const made: Middlewares<HonoContext, HonoMiddleware> = middlewares(adapt)

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
