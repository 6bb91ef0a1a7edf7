import { setTimeout as delay } from 'node:timers/promises'

import { connect, createRateLimiter, createStream, type Penknife } from '@penknife/core'
import { inspect } from '@penknife/core/inspect'
import { Redis } from 'ioredis'

import { createOverview } from '../../packages/dashboard/src/overview.ts'
import type { Probe, Series } from '../harness/bench.ts'
import { redisUsage } from '../harness/redis-usage.ts'

const STREAMS = 1000
const SUBJECTS = 10_000
/** Seconds for which callers of an inspector share the totals of a space. */
const SHARED_S = 10
const CALLERS = 100

/** Nobody is compared: the other libraries have no answer for all queues at once. */
export const overview: Probe = {
  name: 'inspect.overview',
  about: `CPU of Redis while ${STREAMS} streams and ${SUBJECTS} subjects of a limiter are looked at without a pause`,
  figures: [
    { id: 'redisMsPerS', heading: 'Redis cpu ms a second', better: 'less' },
    { id: 'redisMs', heading: 'Redis cpu ms a reading', better: 'less' },
  ],
  async run(url, { rounds, log }) {
    const raw = new Redis(url)
    const penknife = connect(new Redis(url, { lazyConnect: true }), { deadline: '30s' })
    await fill(penknife)
    const readings = {
      [`totals, ${CALLERS} callers`]: async () => {
        const inspector = inspect(penknife)
        await Promise.all(Array.from({ length: CALLERS }, () => inspector.totals('bench')))
        return SHARED_S
      },
      'dashboard, an open page': async () => {
        const page = createOverview(penknife, inspect(penknife))
        await page.read()
        return page.pauseMs / 1000
      },
    }
    const series: Series[] = []
    for (const [what, reading] of Object.entries(readings)) {
      log(`inspect.overview: ${what}`)
      const redisMs: number[] = []
      const redisMsPerS: number[] = []
      for (let round = 0; round <= rounds; round++) {
        const before = await redisUsage([raw], [])
        const everyS = await reading()
        const ms = ((await redisUsage([raw], [])).cpuUs - before.cpuUs) / 1000
        // The first one warms up.
        if (round === 0) continue
        redisMs.push(ms)
        redisMsPerS.push(ms / everyS)
      }
      series.push({
        case: what,
        name: 'penknife',
        setup: 'default',
        ours: true,
        values: { redisMsPerS, redisMs },
      })
    }
    await penknife.close()
    raw.disconnect()
    return series
  },
}

async function fill(penknife: Penknife): Promise<void> {
  const space = penknife.space('bench')
  const limiter = createRateLimiter(space, 'api', {
    rules: [{ name: 'hour', limit: 100, window: '1h' }],
    deadline: '30s',
  })
  for (let at = 0; at < STREAMS; at++) {
    const stream = createStream(space, `stream-${at}`, { groups: ['work'] })
    await Promise.all([stream.add(1), stream.add(2), stream.add(3, { delay: '1h' })])
  }
  await Promise.all(Array.from({ length: SUBJECTS }, (_, at) => limiter.take(`user-${at}`)))
  // Objects are registered in the background.
  while (((await inspect(penknife).totals('bench')).objects.stream ?? 0) < STREAMS) await delay(100)
}
