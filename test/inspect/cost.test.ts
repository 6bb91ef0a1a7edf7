import { createRateLimiter, createStream } from '@penknife/core'
import { inspect } from '@penknife/core/inspect'
import { expect, test } from 'vitest'

import { createOverview } from '../../packages/dashboard/src/overview.ts'
import { openReady } from '../support/connect.ts'
import { useRedis } from '../support/redis.ts'

const bench = useRedis()
const STREAMS = 1000
const SUBJECTS = 1000

/** What Redis ran since the counters were reset: calls of scripts, and the commands inside of them. */
async function ran(): Promise<{ readonly calls: number; readonly commands: number }> {
  const info = await bench.raw.info('commandstats')
  let calls = 0
  let commands = 0
  for (const [, name, times] of info.matchAll(/cmdstat_(\S+?):calls=(\d+)/g)) {
    if (name === 'eval' || name === 'evalsha') calls += Number(times)
    else commands += Number(times)
  }
  await bench.raw.config('RESETSTAT')
  return { calls, commands }
}

// `pnpm bench inspect.overview` measures the time of Redis.
test('a reading of 1,000 streams is 7 commands a stream in one script call for 16 streams, however many ask', async () => {
  const penknife = await openReady(bench.raw, { deadline: '30s' })
  const space = penknife.space('shop')
  const limiter = createRateLimiter(space, 'api', { rules: [{ name: 'hour', limit: 100, window: '1h' }] })
  const streams = Array.from({ length: STREAMS }, (_, at) =>
    createStream(space, `stream-${at}`, { groups: ['work'] }),
  )
  await Promise.all(streams.flatMap((stream) => [stream.add(1), stream.add(2, { delay: '1h' })]))
  await Promise.all(Array.from({ length: SUBJECTS }, (_, at) => limiter.take(`user-${at}`)))
  await space.runtime.registered()
  await ran()

  const inspector = inspect(penknife)
  const asked = await Promise.all(Array.from({ length: 100 }, () => inspector.totals('shop')))
  expect(asked[99]).toMatchObject({
    objects: { stream: STREAMS, limiter: 1 },
    waiting: 2 * STREAMS,
    unservedGroups: STREAMS,
  })
  const totals = await ran()
  // Few more: the page of names, and what a script asks once a call.
  expect(totals.calls).toBeLessThan(STREAMS / 16 + 20)
  expect(totals.commands).toBeLessThan(7 * STREAMS + 200)

  const page = createOverview(penknife, inspect(penknife))
  const { redis, spaces } = await page.read()
  expect([redis.status, spaces[0]?.objects]).toEqual(['available', { stream: STREAMS, limiter: 1 }])
  const open = await ran()
  expect(open.calls).toBeLessThan(STREAMS / 16 + 20)
  expect(open.commands).toBeLessThan(7 * STREAMS + 200)
  expect(page.pauseMs).toBe(10_000)
})
