import { errorText, invalid } from '@penknife/core/internal'

import { type Answer, PASS, type Reply, send, type StreamReply } from './answer.ts'
import { checkReply } from './check-reply.ts'
import type { Exchange } from './exchange/exchange.ts'
import { createFlushes } from './flushes.ts'

/**
 * Decides about one request: lets it pass (PASS) or answers it. Any other answer is an error.
 *
 * What it throws or rejects with goes to the framework's error handling.
 */
export interface Handler {
  (exchange: Exchange): Answer | Promise<Answer>
  /** Ends what the handler keeps running (streams, pending writes); resolves when it is done. */
  close?(): Promise<void>
}

/** A middleware for every framework: `Args` is what an application gives it. */
export interface Plugin<Args extends readonly unknown[]> {
  /** For messages and logs. */
  readonly name: string
  /** Checks its arguments, once, and returns the handler that all requests go through. */
  setup(...args: Args): Handler
}

/**
 * Makes a middleware for every framework at once.
 *
 *     const maintenance = definePlugin({
 *       name: 'maintenance',
 *       setup: (isDown: () => boolean) => () => (isDown() ? problem(503, { detail: 'Back soon' }) : PASS),
 *     })
 *
 *     import { adapt } from '@penknife/express'      // or '@penknife/koa', or '@penknife/http'
 *     app.use(adapt(maintenance)(() => switchedOff))
 *
 * penknife's own middlewares are made with it and can do nothing that others cannot.
 */
export function definePlugin<Args extends readonly unknown[]>(plugin: Plugin<Args>): Plugin<Args> {
  return plugin
}

/** A plugin that an adapter set up. */
export interface Prepared {
  readonly handler: Handler
  /**
   * What the plugin decides about a request: PASS, or a reply that can be sent. Rejects with what the plugin threw,
   * always an object: frameworks take `undefined` for no error at all, and Express 'route' for a way to go on.
   */
  decide(exchange: Exchange): Promise<Answer>
  /** As `send`; the streams of this middleware are flushed together, and those that wrote the same share its bytes. */
  send(exchange: Exchange, reply: Reply | StreamReply): void
}

/** Sets a plugin up for an adapter. */
export function prepare<Args extends readonly unknown[]>(plugin: Plugin<Args>, args: Args): Prepared {
  const who = `the plugin '${plugin.name}'`
  const handler = plugin.setup(...args)
  if (typeof handler !== 'function') {
    throw invalid(
      `what setup of ${who} returned`,
      handler,
      'return a function of the exchange, not a promise of one',
    )
  }
  const flushes = createFlushes()
  return {
    handler,
    send: (exchange, reply) => send(exchange, reply, flushes),
    async decide(exchange) {
      try {
        const answer = await handler(exchange)
        return answer === PASS ? answer : checkReply(who, answer)
      } catch (error) {
        if (typeof error === 'object' && error !== null) throw error
        throw new Error(`${who} failed with ${errorText(error)}, which is no Error`, { cause: error })
      }
    },
  }
}

/** What every middleware that came from a plugin can do besides. */
export interface Closable {
  /** Ends what the middleware keeps running; call it when the server shuts down. */
  close(): Promise<void>
}

/** Gives a framework's middleware the `close` of the handler behind it. */
export function closable<Middleware extends object>(
  middleware: Middleware,
  handler: Handler,
): Middleware & Closable {
  return Object.assign(middleware, { close: async () => handler.close?.() })
}
