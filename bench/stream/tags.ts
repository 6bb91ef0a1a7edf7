import type { Redis } from 'ioredis'

import type { Probe } from '../harness/bench.ts'
import { fill } from './contenders.ts'
import { ours, oursTagged } from './ours.ts'
import { onEmpty, seriesOf } from './probes.ts'

/** Microseconds that EVALSHA has taken. */
async function busyUs(control: Redis): Promise<number> {
  return Number(/cmdstat_evalsha:calls=\d+,usec=(\d+)/.exec(await control.info('commandstats'))?.[1] ?? 0)
}

async function usedBytes(control: Redis): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await control.info('memory'))?.[1])
}

export const tags: Probe = {
  name: 'stream.tags',
  about: 'Redis memory and time of an added job, without tags and with two',
  figures: [
    { id: 'bytes', heading: 'bytes', better: 'less' },
    { id: 'addUs', heading: 'µs an add', better: 'less' },
  ],
  async run(url, { quick, log }) {
    const count = quick ? 10_000 : 100_000
    const series = []
    for (const queue of [ours, oursTagged]) {
      log(`stream.tags: ${queue.name}`)
      const values = await onEmpty(url, queue, async (open, control) => {
        await fill(open, 1000)
        const [bytes, us] = [await usedBytes(control), await busyUs(control)]
        await fill(open, count)
        return {
          bytes: [((await usedBytes(control)) - bytes) / count],
          addUs: [((await busyUs(control)) - us) / count],
        }
      })
      series.push(seriesOf(queue, values))
    }
    return series
  },
}
