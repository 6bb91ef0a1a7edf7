import type { AnyNotifier, Leaderboard, RateLimiter, Space } from '@penknife/core'

import type { AcceptOptions, AcceptStream } from './accept/options.ts'
import { acceptPlugin } from './accept/plugin.ts'
import type { IdempotentOptions } from './idempotent/options.ts'
import { idempotentPlugin } from './idempotent/plugin.ts'
import type { LeaderboardRouteOptions } from './leaderboard/options.ts'
import { leaderboardPlugin } from './leaderboard/plugin.ts'
import type { NotificationsOptions } from './notifications/options.ts'
import { notificationsPlugin } from './notifications/plugin.ts'
import type { Plugin } from './plugin.ts'
import type { RateLimitOptions } from './rate-limit/options.ts'
import { rateLimitPlugin } from './rate-limit/plugin.ts'
import type { RequestLogOptions, RequestLogSpaceOptions, RequestStream } from './request-log/options.ts'
import { requestLogPlugin } from './request-log/plugin.ts'
import type { RequestEvents } from './request-log/stream.ts'

/** Turns a plugin into a framework's middleware. */
export type Adapt<Middleware> = <Args extends readonly unknown[]>(
  plugin: Plugin<Args>,
) => (...args: Args) => Middleware

/** penknife's middlewares in a framework. `Base` is what the framework gives its
 * middlewares. An application may name its own type for it: `rateLimit<MyContext>(…)`. */
export interface Middlewares<Base, Middleware> {
  /** Lets requests pass while a limiter allows them; denies the others with 429 and `Retry-After`. */
  readonly rateLimit: <Context = Base>(
    limiter: RateLimiter,
    options?: RateLimitOptions<Context>,
  ) => Middleware
  /** Adds each finished request to a stream: a bounded one of this name, or one of the application. Requests do not wait for it. */
  readonly requestLog: RequestLogMiddleware<Base, Middleware>
  /** Serves the channels of a notifier as server-sent events, for a browser's EventSource. */
  readonly notifications: <Context = Base>(
    notifier: AnyNotifier,
    options: NotificationsOptions<Context>,
  ) => Middleware
  /** Serves a board's top, around and rank as JSON, with ETag and short caching. */
  readonly leaderboard: (board: Leaderboard, options?: LeaderboardRouteOptions) => Middleware
  /** Runs the handler once for each `Idempotency-Key`, and replays its stored response to repetitions. */
  readonly idempotent: <Context = Base>(space: Space, options: IdempotentOptions<Context>) => Middleware
  /** Adds an entry to a work queue for each POST, and serves its state, progress, output and result. */
  readonly accept: <T, Context = Base>(
    stream: AcceptStream<T>,
    options: AcceptOptions<T, Context>,
  ) => Middleware
}

/** Makes the middleware of a request log. */
export interface RequestLogMiddleware<Base, Middleware> {
  <Context = Base>(space: Space, name: string, options?: RequestLogSpaceOptions<Context>): Middleware
  <Context = Base>(stream: RequestStream | RequestEvents, options?: RequestLogOptions<Context>): Middleware
}

/** Makes penknife's middlewares for a framework. The context that it gives is the one that the callbacks get. */
export function middlewares<Base, Middleware>(adapt: Adapt<Middleware>): Middlewares<Base, Middleware> {
  return {
    rateLimit: adapt(rateLimitPlugin),
    requestLog: adapt(requestLogPlugin),
    notifications: adapt(notificationsPlugin),
    leaderboard: adapt(leaderboardPlugin),
    idempotent: adapt(idempotentPlugin),
    accept: adapt(acceptPlugin),
  } as Middlewares<Base, Middleware>
}
