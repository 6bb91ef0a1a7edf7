import { createRateLimiter, createStream } from '@penknife/core'
import { inspect } from '@penknife/core/inspect'
import { expect, test } from 'vitest'

import { createOverview } from '../../packages/dashboard/src/overview.ts'
import { openReady } from '../support/connect.ts'
import { useRedis } from '../support/redis.ts'

const bench = useRedis()
const STREAMS = 1000
const SUBJECTS = 10_000
/** How long callers of an inspector share the totals of a space. */
const SHARED_S = 10
const ROUNDS = 4

/** Milliseconds of CPU that the main thread of Redis has used. Other programs on the machine do not count. */
async function cpuMs(): Promise<number> {
  const info = await bench.raw.info('cpu')
  const of = (kind: string): number =>
    Number(new RegExp(`used_cpu_${kind}_main_thread:([\\d.]+)`).exec(info)?.[1])
  return (of('user') + of('sys')) * 1000
}

test('an overview of 1,000 streams and 10,000 subjects of limiters takes less than 5 ms of Redis a second, however many ask', async () => {
  const penknife = await openReady(bench.raw, { deadline: '30s' })
  const space = penknife.space('shop')
  const limiter = createRateLimiter(space, 'api', { rules: [{ name: 'minute', limit: 100, window: '1h' }] })
  const streams = Array.from({ length: STREAMS }, (_, at) =>
    createStream(space, `stream-${at}`, { groups: ['work'] }),
  )
  await Promise.all(
    streams.flatMap((stream) => [stream.add(1), stream.add(2), stream.add(3, { delay: '1h' })]),
  )
  await Promise.all(Array.from({ length: SUBJECTS }, (_, at) => limiter.take(`user-${at}`)))
  await space.runtime.registered()
  const before = await cpuMs()
  for (let round = 0; round < ROUNDS; round++) {
    const inspector = inspect(penknife)
    const asked = await Promise.all(Array.from({ length: 100 }, () => inspector.totals('shop')))
    expect(asked[99]).toMatchObject({
      objects: { stream: STREAMS, limiter: 1 },
      waiting: 3 * STREAMS,
      unservedGroups: STREAMS,
    })
  }
  const perSecondMs = ((await cpuMs()) - before) / ROUNDS / SHARED_S
  console.log(`an overview takes Redis ${perSecondMs.toFixed(2)} ms a second`)
  expect(perSecondMs).toBeLessThan(5)

  const beforeDashboard = await cpuMs()
  let pauseMs = 0
  for (let round = 0; round < ROUNDS; round++) {
    const overview = createOverview(penknife, inspect(penknife))
    const { redis, spaces } = await overview.read()
    expect([redis.status, spaces[0]?.objects]).toEqual(['available', { stream: STREAMS, limiter: 1 }])
    pauseMs = overview.pauseMs
  }
  const dashboardMs = ((await cpuMs()) - beforeDashboard) / ROUNDS / (pauseMs / 1000)
  console.log(`an open dashboard takes Redis ${dashboardMs.toFixed(2)} ms a second`)
  expect(dashboardMs).toBeLessThan(5)
})
