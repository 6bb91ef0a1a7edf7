import { connect, createNotifier, createRateLimiter, createStream } from '@penknife/core'
import { delivered, drained, type TestRedis, useTestRedis } from '@penknife/testing'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest'

import { failure } from '../support/connect.ts'
import { DRIVERS, loadDriver, patternOf } from '../support/redis.ts'

await Promise.all(DRIVERS.map(loadDriver))

// The gateway of the kit speaks to whatever client library the application has.

describe.each(DRIVERS)('%s', (driver) => {
  const redis: TestRedis = useTestRedis(
    { beforeAll, afterAll, afterEach },
    { connect: (url) => connect(patternOf(driver, url)) },
  )

  test('limits, delays and leases follow the clock', async () => {
    const space = redis.space()
    const limiter = createRateLimiter(space, 'api', {
      rules: [{ name: 'one', limit: 1, window: '1h' }],
      deadline: '10s',
    })
    await redis.clock.freeze()
    expect((await limiter.take('ann')).allowed).toBe(true)
    expect((await limiter.take('ann')).allowed).toBe(false)
    const stream = createStream<string>(space, 'mails', { groups: ['send'] })
    const sent: string[] = []
    const worker = stream.worker('send', ({ payload }) => void sent.push(payload))
    onTestFinished(() => worker.close())
    await stream.add('tomorrow', { delay: '1d' })
    await stream.add('today')
    await drained(stream, { ignoreDelayed: true })
    expect(sent).toEqual(['today'])
    await redis.clock.advance('1d')
    await drained(stream)
    expect(sent).toEqual(['today', 'tomorrow'])
    expect((await limiter.take('ann')).allowed).toBe(true)
  })

  test('a subscription gets what was published, also after Redis was away', async () => {
    const notifier = createNotifier(redis.space(), 'main')
    const heard: unknown[] = []
    const subscription = await notifier.subscribe(['room'], {
      onEvent: (event) => heard.push(event.kind === 'message' ? event.data : event.kind),
    })
    await notifier.publish('room', 1)
    await delivered(notifier)
    await redis.faults.away()
    await redis.faults.none()
    await notifier.publish('room', 2)
    await delivered(notifier)
    expect(heard).toEqual([1, 2])
    await subscription.close()
  })

  test('a full Redis refuses what needs memory', async () => {
    const stream = createStream<number>(redis.space(), 'orders', { groups: ['bill'] })
    await redis.faults.full()
    expect(await failure(stream.add(1))).toMatchObject({ code: 'PENKNIFE_UNAVAILABLE', fate: 'not-done' })
    await redis.faults.none()
    await stream.add(1)
  })
})
