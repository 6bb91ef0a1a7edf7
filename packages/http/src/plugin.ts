import { invalid } from '@penknife/core'

import type { Answer } from './answer.ts'
import type { Exchange } from './exchange/exchange.ts'

/**
 * Decides about one request: lets it pass or answers it.
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
  if (typeof handler !== 'function') {
    throw invalid("what a plugin's setup returned", handler, 'return the handler, and not a promise of it')
  }
  return Object.assign(middleware, { close: async () => handler.close?.() })
}
