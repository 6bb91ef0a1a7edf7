import type { Penknife, Space } from '@penknife/core'
import { checkOptions, invalid } from '@penknife/core/internal'

import { createClock, type TestClock } from './clock.ts'
import { connectTo } from './connect.ts'
import { createFaults, type Faults } from './faults.ts'
import { startGateway } from './gateway.ts'
import { poll } from './poll.ts'
import { startRedis } from './server/server.ts'
import { createSpaces } from './spaces.ts'
import { keepFollowed } from './keep.ts'
import { wakeWorkers } from './wake.ts'
import { givenUpstream, privateUpstream, type Upstream } from './upstream.ts'

/** Which Redis, and how the kit's penknife is connected. */
export interface TestRedisOptions {
  /**
   * A Redis that is there already, such as a service of a CI job: `redis://` or `rediss://`. Only the spaces that tests get
   * from `space()` are removed from it. Default: the environment variable PENKNIFE_TEST_REDIS_URL; without it a Redis is
   * started for these tests, and is gone after them.
   */
  readonly url?: string | undefined
  /**
   * Connects the kit's penknife, with a client or options of your own: `(url) => connect(new Redis(url), { deadline: '1s' })`.
   * Default: `connect` on a client of the package `ioredis`; of `redis` where that is not installed.
   */
  readonly connect?: ((url: string) => Penknife) | undefined
}

/** A Redis for tests. */
export interface TestRedis {
  /** Where it is, for an application that connects by itself, in this process or another: `redis://127.0.0.1:…`. */
  readonly url: string
  /** A connected penknife, the same for all tests of a file. */
  readonly penknife: Penknife
  /** A space that no other test has; it is removed after the test. */
  space(): Space
  /** The time that penknife's scripts see in Redis. */
  readonly clock: TestClock
  /** Failures of Redis, on demand. */
  readonly faults: Faults
  /**
   * To be called after each test: ends failures, sets the clock back to the server's time, and removes the test's spaces; from
   * a Redis that was started for these tests, everything.
   *
   * @throws Error when Redis is gone, or when a limiter of `penknife` was decided by its policy although the test made no failure.
   */
  reset(): Promise<void>
  /** Closes penknife and ends what was started. Calling it again does nothing. */
  close(): Promise<void>
}

const OPTIONS = ['url', 'connect']
/** As penknife wants them in production, so that no finding is reported; without waiting for the disk. */
const SETTINGS = ['--appendonly', 'yes', '--appendfsync', 'no']
/** How long penknife may take to connect. */
const CONNECT_MS = 10_000

/**
 * Starts a Redis for tests, or uses the one of `url`, and connects penknife to it through a gateway that sets the clock and
 * makes failures.
 *
 * The server is the one that PENKNIFE_REDIS_BINARY names, one on the PATH, one in penknife's cache folder, or one downloaded from
 * the packages of Debian, Ubuntu or Homebrew. It ends with this process, however that ends.
 *
 * @throws PENKNIFE_INVALID for a wrong option; Error when there is no Redis, with what was tried and how to install one.
 */
export async function startTestRedis(options: TestRedisOptions = {}): Promise<TestRedis> {
  checkOptions('startTestRedis', options, OPTIONS)
  const { connect } = options
  if (connect !== undefined && typeof connect !== 'function')
    throw invalid('connect', connect, 'give a function')
  const url = options.url ?? process.env['PENKNIFE_TEST_REDIS_URL']
  const server = url === undefined ? await startRedis({ args: SETTINGS }) : undefined
  try {
    const upstream = server ? privateUpstream(server.socket) : givenUpstream(url as string)
    return await start(upstream, connect ?? connectTo, async () => server?.stop(), server !== undefined)
  } catch (error) {
    await server?.stop()
    throw error
  }
}

async function start(
  upstream: Upstream,
  connect: (url: string) => Penknife | Promise<Penknife>,
  stop: () => Promise<void>,
  isPrivate: boolean,
): Promise<TestRedis> {
  const spaces = createSpaces(upstream)
  const time = async (): Promise<number> => {
    const [seconds, us] = (await upstream.send(['TIME'])) as [string, string]
    return Number(seconds) * 1_000_000 + Number(us)
  }
  await time()
  if (!isPrivate) await spaces.removeAbandoned()
  const clock = createClock({
    serverUs: time,
    moving: (byMs) => keepFollowed(upstream, gateway.channels(), byMs),
    async moved(nowMs) {
      await spaces.expire(nowMs)
      await wakeWorkers(upstream, gateway.channels(), nowMs)
    },
  })
  const gateway = await startGateway(upstream, clock.periods)
  const own = upstream.urlOn(gateway.port)
  const penknife = await opened(connect, own, gateway.close)
  const faults = createFaults(gateway.fail, () => available(penknife))
  const decidedByPolicy: string[] = []
  penknife.on((event) => {
    if (event.kind !== 'policy' || faults.any) return
    decidedByPolicy.push(`limiter '${event.name}' (${event.code}: ${event.reason})`)
  })
  let closing: Promise<void> | undefined

  async function clean(): Promise<void> {
    if (isPrivate) await upstream.send(['FLUSHALL'])
    else await spaces.remove()
  }

  async function end(): Promise<void> {
    await gateway.fail({ kind: 'none' })
    await penknife.close()
    await gateway.close()
    try {
      if (!isPrivate) await spaces.remove()
    } finally {
      await stop()
    }
  }

  return {
    url: own,
    penknife,
    space: () => penknife.space(spaces.next()),
    clock,
    faults,
    async reset() {
      await faults.none()
      const unasked = decidedByPolicy.splice(0)
      faults.forget()
      clock.restore()
      await clean()
      if (unasked.length === 0) return
      throw new Error(
        `Redis did not decide in this test, though the test made no failure: the policy decided for ${unasked.join(', ')}. ` +
          'On a busy machine, give limiters a longer deadline in tests',
      )
    },
    close: () => (closing ??= end()),
  }
}

async function opened(
  connect: (url: string) => Penknife | Promise<Penknife>,
  url: string,
  close: () => Promise<void>,
): Promise<Penknife> {
  try {
    const penknife = await connect(url)
    await available(penknife).catch(async (error: unknown) => {
      await penknife.close()
      throw error
    })
    return penknife
  } catch (error) {
    await close()
    throw error
  }
}

async function available(penknife: Penknife): Promise<void> {
  await poll(CONNECT_MS, async (withinMs) => {
    const { status, reason } = await penknife.health()
    if (status !== 'unavailable') return undefined
    return `penknife did not reach the Redis of these tests within ${withinMs} ms: ${reason}`
  })
}
