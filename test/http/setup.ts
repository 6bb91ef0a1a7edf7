import {
  connect,
  createLeaderboard,
  createNotifier,
  createRateLimiter,
  createStream,
  type Leaderboard,
  type LeaderboardOptions,
  type Notifier,
  type NotifierOptions,
  type Penknife,
  type RateLimiter,
  type RateLimiterOptions,
  type Space,
  type Stream,
} from '@penknife/core'
import type { Handler, RequestEntry } from '@penknife/http'
import type { RunningServer, StartOptions } from '@penknife/http/testkit'
import { afterAll, beforeAll, onTestFinished } from 'vitest'

import { available } from '../support/connect.ts'
import { type Bench, pattern, useRedis } from '../support/redis.ts'

/** penknife's features on a real Redis, for a test file. */
export interface Features extends Bench {
  readonly space: Space
  limiter(options?: Partial<RateLimiterOptions> & { readonly name?: string }): RateLimiter
  stream(): Stream<RequestEntry>
  notifier(options?: NotifierOptions & { readonly name?: string }): Notifier
  leaderboard(options?: LeaderboardOptions): Leaderboard
}

export function useFeatures(): Features {
  const redis = useRedis()
  let penknife: Penknife
  beforeAll(async () => {
    penknife = connect(pattern(redis.server.socket))
    await available(penknife)
  })
  afterAll(() => penknife?.close())
  return {
    get server() {
      return redis.server
    },
    get raw() {
      return redis.raw
    },
    get space() {
      return penknife.space('test')
    },
    limiter: ({ name = 'api', ...options } = {}) =>
      createRateLimiter(penknife.space('test'), name, {
        rules: [{ name: 'burst', limit: 3, window: '1h' }],
        deadline: '2s',
        ...options,
      }),
    stream: () => createStream<RequestEntry>(penknife.space('test'), 'requests'),
    notifier: ({ name = 'main', ...options } = {}) => createNotifier(penknife.space('test'), name, options),
    leaderboard: (options) => createLeaderboard(penknife.space('test'), 'points', options),
  }
}

/** Serves handlers for one test. */
export async function start<Server extends RunningServer>(
  adapter: { start(handlers: readonly Handler[], options?: StartOptions): Promise<Server> },
  handlers: readonly Handler[],
  options: StartOptions = {},
): Promise<Server> {
  const server = await adapter.start(handlers, options)
  onTestFinished(() => server.close())
  return server
}
