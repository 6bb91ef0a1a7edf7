import type { Closable, Exchange, Plugin } from '@penknife/http'
import {
  closable,
  createExchanges,
  isStreamReply,
  keptBody,
  type LimiterDecision,
  type Middlewares,
  middlewares,
  misplaced,
  NodeCarrier,
  prepare,
  renderReply,
  socketAddress,
  stateOf,
  type View,
} from '@penknife/http/adapter'
import { decisionOf, PASS } from '@penknife/http/plugins'
import type { FastifyPluginCallback, FastifyReply, FastifyRequest } from 'fastify'

export * from '@penknife/http/plugins'

declare module 'fastify' {
  interface FastifyRequest {
    /** The latest decision of a `rateLimit` about this request. Defined below a scope with `mount(…)`. */
    readonly rateLimit?: LimiterDecision | undefined
  }
}

/** `exchange.context` of the middlewares for Fastify. */
export interface FastifyContext {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}

/** A hook of Fastify 5: `mount(…)`, `app.addHook('onRequest', …)`, or `{ onRequest: … }` of a route. */
export interface FastifyMiddleware extends Closable {
  (request: FastifyRequest, reply: FastifyReply): Promise<unknown>
}

const view: View<FastifyContext> = {
  request: ({ request }) => stateOf(request.raw),
  carrier: ({ request, reply }) =>
    new NodeCarrier(request.raw, reply.raw, {
      getHeader: (name) => reply.getHeader(name),
      setHeader: (name, value) => reply.header(name, value),
    }),
  url: ({ request }) => request.originalUrl,
  ip: ({ request }) => request.ip || socketAddress(request.raw),
  ipCanBeForged: ({ request }) => (request.server.initialConfig as Trusting).trustProxy === true,
  proxyFix: "fastify({ trustProxy: '10.0.0.2' }) with your proxy's address; Fastify refuses to count hops",
  route: ({ request }) => request.routeOptions.url,
  parsedBody: ({ request }) => keptBody((request as { rawBody?: unknown }).rawBody, request.body),
}

interface Trusting {
  readonly trustProxy?: unknown
}

const exchangeOf: (context: FastifyContext) => Exchange<FastifyContext> = createExchanges(view)

/** Turns a plugin into a hook for Fastify. */
export function adapt<Args extends readonly unknown[]>(
  plugin: Plugin<Args>,
): (...args: Args) => FastifyMiddleware {
  return (...args) => {
    const prepared = prepare(plugin, args)
    async function serve(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
      const exchange = exchangeOf({ request, reply })
      const answer = await prepared.decide(exchange)
      if (answer === PASS) return undefined
      const {
        status,
        headers = {},
        body,
      } = isStreamReply(answer) ? { ...answer, body: undefined } : renderReply(answer)
      for (const [name, value] of Object.entries(headers)) exchange.setHeader(name, value)
      // Of text, Fastify would change the content type.
      if (!isStreamReply(answer))
        return reply.code(status).send(typeof body === 'string' ? Buffer.from(body) : body)
      // Fastify would report a broken stream as an error of the application, so penknife sends the stream.
      for (const [name, value] of Object.entries(reply.getHeaders())) reply.raw.setHeader(name, value ?? '')
      prepared.send(exchange, { ...answer, headers: {} })
      return reply.hijack()
    }
    function middleware(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
      if (typeof reply?.hijack !== 'function' || !request?.raw) {
        throw misplaced('@penknife/fastify', 'a request and a reply, as a hook of Fastify')
      }
      return serve(request, reply)
    }
    return closable(middleware, prepared)
  }
}

/**
 * Makes a Fastify plugin of middlewares, for the scope in which it is registered. It adds them as hooks in this order, gives requests
 * `request.rateLimit`, and closes the middlewares when the application closes, which ends event streams.
 *
 *     app.register(mount([requestLog(stream), rateLimit(limiter)]))
 *
 * @param hook 'preHandler' for callbacks that need the parsed body, or what hooks for authentication left. Default: 'onRequest'.
 */
export function mount(
  hooks: readonly FastifyMiddleware[],
  { hook = 'onRequest' }: { readonly hook?: 'onRequest' | 'preValidation' | 'preHandler' } = {},
): FastifyPluginCallback {
  const plugin: FastifyPluginCallback = (app, _options, done) => {
    for (const each of hooks) app.addHook(hook as 'onRequest', each)
    app.addHook('preClose', async () => {
      await Promise.all(hooks.map((each) => each.close()))
    })
    if (!app.hasRequestDecorator('rateLimit')) {
      app.decorateRequest('rateLimit', {
        getter() {
          return decisionOf(this)
        },
      })
    }
    done()
  }
  // Hooks of the surrounding scope, not of one of its own.
  return Object.assign(plugin, { [Symbol.for('skip-override')]: true })
}

const made: Middlewares<FastifyContext, FastifyMiddleware> = middlewares(adapt)

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
