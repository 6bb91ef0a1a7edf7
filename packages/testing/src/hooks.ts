import { invalid } from '@penknife/core/internal'

import { startTestRedis, type TestRedis, type TestRedisOptions } from './test-redis.ts'

/** With the download of a server. */
const START_MS = 180_000

/** The hooks of a test runner: those of vitest and jest as they are, of node:test `{ beforeAll: before, afterAll: after, afterEach }`. */
export interface TestHooks {
  /** Is given how long it may take as a second argument, in milliseconds: a first start may download a server. */
  beforeAll(run: () => Promise<void>, timeoutMs?: never): unknown
  afterAll(run: () => Promise<void>): unknown
  afterEach(run: () => Promise<void>): unknown
}

/**
 * `startTestRedis` for a test file: starts before its first test, calls `reset` after each test and `close` after the last.
 * What it gives can be used within tests and hooks; before the start it throws.
 *
 * @throws PENKNIFE_INVALID for hooks that are not there; within the hook what `startTestRedis` throws, so that every test fails.
 */
export function useTestRedis(hooks: TestHooks, options: TestRedisOptions = {}): TestRedis {
  const { beforeAll, afterAll, afterEach } = hooks ?? {}
  for (const [name, hook] of Object.entries({ beforeAll, afterAll, afterEach })) {
    if (typeof hook !== 'function') {
      throw invalid(name, hook, 'give { beforeAll, afterAll, afterEach } of the test runner')
    }
  }
  let started: TestRedis | undefined
  // node:test knows no such argument, has no limit of its own and ignores it.
  const before: unknown = beforeAll
  const startWithin = before as (run: () => Promise<void>, timeoutMs: number) => unknown
  startWithin(async () => void (started = await startTestRedis(options)), START_MS)
  afterEach(async () => started?.reset())
  afterAll(async () => started?.close())

  function redis(): TestRedis {
    if (started) return started
    throw new Error('the Redis of these tests is not started yet: use it within a test or a hook')
  }
  return {
    get url() {
      return redis().url
    },
    get penknife() {
      return redis().penknife
    },
    get clock() {
      return redis().clock
    },
    get faults() {
      return redis().faults
    },
    space: () => redis().space(),
    reset: () => redis().reset(),
    close: () => redis().close(),
  }
}
