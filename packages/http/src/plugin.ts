import type { CloseOptions } from '@penknife/core'
import {
  atMost,
  closeDeadlineMs,
  errorText,
  invalid,
  isPromiseLike,
  reportFault,
} from '@penknife/core/internal'

import { type Answer, PASS, type Reply, send, type StreamReply } from './answer.ts'
import { checkReply } from './check-reply.ts'
import type { Exchange } from './exchange/exchange.ts'
import { createFlushes, type Flushes } from './flushes.ts'
import { noteError } from './request-log/notes.ts'

/**
 * Decides about one request: it lets the request pass (PASS) or answers it. Any other answer is an error.
 *
 * The framework's error handling gets what the handler throws or rejects with.
 */
export interface Handler {
  (exchange: Exchange): Answer | Promise<Answer>
  /** Ends open streams and pending writes. Resolves when they have ended, or after `deadlineMs` milliseconds. */
  close?(deadlineMs: number): Promise<void>
}

/** A middleware for every framework. `Args` are the arguments that an application gives it. */
export interface Plugin<
  Args extends readonly unknown[],
  Result extends Handler | Promise<Handler> = Handler | Promise<Handler>,
> {
  /** The name in errors and warnings. */
  readonly name: string
  /**
   * Checks its arguments and returns the handler of all requests. It may be async: requests wait for it. If it rejects,
   * a process warning reports that, and every request fails with the same error.
   */
  setup(...args: Args): Result
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
 * penknife's own middlewares are made with it, and can do nothing that yours cannot.
 */
export function definePlugin<
  Args extends readonly unknown[],
  Result extends Handler | Promise<Handler> = Handler | Promise<Handler>,
>(plugin: Plugin<Args, Result>): Plugin<Args, Result> {
  return plugin
}

/** A plugin that an adapter set up. */
export interface Prepared {
  /**
   * The plugin's decision about a request: PASS, or a reply that can be sent. Rejects with what the plugin threw, always
   * as an object: frameworks take `undefined` for no error, and Express takes 'route' for a way to continue.
   */
  decide(exchange: Exchange): Promise<Answer>
  /** As `decide`, but without a promise when the plugin lets the request pass at once, for speed. */
  decideNow(exchange: Exchange): typeof PASS | Promise<Answer>
  /** Decides about a request, and sends a reply. Whether the request continues; a promise unless it passes at once. */
  continues(exchange: Exchange): true | Promise<boolean>
  /** As `send`. The streams of this middleware are flushed together, and those with the same text share its bytes. */
  send(exchange: Exchange, reply: Reply | StreamReply): void
  /** Flushes the streams of this middleware together. */
  readonly flushes: Flushes
  /** Undefined while the plugin is being set up. */
  readonly handler: Handler | undefined
  close(options?: CloseOptions): Promise<void>
}

/** How long `close()` of a middleware waits by default. */
const CLOSE_MS = 10_000

/** Sets a plugin up for an adapter. */
export function prepare<Args extends readonly unknown[]>(plugin: Plugin<Args>, args: Args): Prepared {
  const title = `the plugin '${plugin.name}'`
  const result = plugin.setup(...args)
  let handler = isPromiseLike(result) ? setUpLater(result) : checkHandler(title, result)
  const flushes = createFlushes()

  /** Replaces the promise by the handler as soon as there is one. */
  function setUpLater(pending: PromiseLike<unknown>): Handler | Promise<Handler> {
    const ready = Promise.resolve(pending).then((found) => (handler = checkHandler(title, found)))
    ready.catch((error: unknown) => reportFault(`setup of ${title} failed, and so do its requests`, error))
    return ready
  }

  async function end(ms: number): Promise<void> {
    const ready = await Promise.resolve(handler).catch(() => undefined)
    try {
      await ready?.close?.(ms)
    } catch (error) {
      reportFault(`close of ${title} failed`, error)
    }
  }

  function decideNow(exchange: Exchange): typeof PASS | Promise<Answer> {
    if (typeof handler !== 'function')
      return answered(
        exchange,
        handler.then((ready) => ready(exchange)),
      )
    let answer: Answer | Promise<Answer>
    try {
      answer = handler(exchange)
    } catch (error) {
      answer = Promise.reject(error)
    }
    return answer === PASS ? PASS : answered(exchange, answer)
  }

  async function answered(exchange: Exchange, given: Answer | Promise<Answer>): Promise<Answer> {
    try {
      const answer = await given
      return answer === PASS ? answer : checkReply(title, answer)
    } catch (error) {
      noteError(exchange, error)
      if (typeof error === 'object' && error !== null) throw error
      throw new Error(`${title} failed with ${errorText(error)}, which is no Error`, { cause: error })
    }
  }

  async function replied(exchange: Exchange, decision: Promise<Answer>): Promise<boolean> {
    const answer = await decision
    if (answer === PASS) return true
    send(exchange, answer, flushes)
    return false
  }

  return {
    decide: async (exchange) => decideNow(exchange),
    decideNow,
    continues(exchange) {
      const decision = decideNow(exchange)
      return decision === PASS ? true : replied(exchange, decision)
    },
    send: (exchange, reply) => send(exchange, reply, flushes),
    flushes,
    get handler() {
      return typeof handler === 'function' ? handler : undefined
    },
    close(options = {}) {
      const ms = closeDeadlineMs(options, CLOSE_MS)
      return atMost(ms, end(ms))
    },
  }
}

function checkHandler(title: string, handler: unknown): Handler {
  if (typeof handler === 'function') return handler as Handler
  throw invalid(`the result of setup of ${title}`, handler, 'return a function of the exchange')
}

/** A middleware that was made of a plugin. */
export interface Closable {
  /**
   * Ends open streams and pending writes: call it when the server shuts down. Resolves when they have ended, and after
   * `deadline` in any case (default: 10 s). Never rejects.
   *
   * @throws PENKNIFE_INVALID for a wrong option.
   */
  close(options?: CloseOptions): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** Gives a framework's middleware the `close` of its plugin. */
export function closable<Middleware extends object>(
  middleware: Middleware,
  prepared: Prepared,
): Middleware & Closable {
  const { close } = prepared
  made.set(middleware, prepared)
  return Object.assign(middleware, { close, [Symbol.asyncDispose]: () => close() })
}

const made = new WeakMap<object, Prepared>()

/** The plugin's handler of a middleware; undefined for anything else. */
export function handlerOf(middleware: unknown): Handler | undefined {
  return typeof middleware === 'function' ? made.get(middleware)?.handler : undefined
}
