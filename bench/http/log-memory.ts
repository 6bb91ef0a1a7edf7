import { statSync } from 'node:fs'

import { Redis } from 'ioredis'

import type { Probe, Series } from '../harness/bench.ts'
import { THIS_BUILD } from '../harness/library.ts'
import { forked } from './forked.ts'
import { HEADERS, type LogTask } from './logs.ts'

const REQUESTS = 20_000
const CONNECTIONS = 50

interface Extent {
  readonly bytes: number
}

async function load(
  log: string,
  url: string,
  count: number,
): Promise<{ readonly fileBytes: number; readonly rssMb: number }> {
  const task: LogTask = { log, library: THIS_BUILD, url }
  const server = await forked('express-log-server.ts', task, CONNECTIONS)
  let next = 0
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      while (next < count) {
        const path = `/items/${next++}?page=2`
        const { body } = await server.pool.request({ path, method: 'GET', headers: HEADERS })
        await body.dump()
      }
    }),
  )
  // Longer than the log's interval.
  await new Promise((resolve) => setTimeout(resolve, 500))
  const { file, rssMb } = await server.report()
  const fileBytes = log === 'pino' ? statSync(file).size : 0
  await server.close()
  return { fileBytes, rssMb }
}

/** The size of a logged request: in Redis, and as a line of JSON in a file. */
export const logMemory: Probe = {
  name: 'http.requestLogBytes',
  about: 'bytes of a logged request: in Redis with all overhead, and as a line in a file',
  figures: [{ id: 'bytes', heading: 'bytes a request', better: 'less' }],
  async run(url, { rounds, quick, log }) {
    const raw = new Redis(url)
    const count = quick ? REQUESTS / 5 : REQUESTS
    const ours: Extent[] = []
    const theirs: Extent[] = []
    for (let round = 1; round <= rounds; round++) {
      log(`http.requestLogBytes: round ${round} of ${rounds}`)
      await raw.flushall('SYNC')
      await load('penknife', url, count)
      const [key = ''] = await raw.keys('*:stream:requests')
      const bytes = Number(await raw.memory('USAGE', key, 'SAMPLES', 0))
      ours.push({ bytes: bytes / (await raw.xlen(key)) })
      theirs.push({ bytes: (await load('pino', url, count)).fileBytes / count })
    }
    raw.disconnect()
    const series = (name: string, setup: string, extents: readonly Extent[], isOurs: boolean): Series => ({
      name,
      setup,
      ours: isOurs,
      values: { bytes: extents.map((extent) => extent.bytes) },
    })
    return [series('penknife', 'default', ours, true), series('pino-http', 'to a file', theirs, false)]
  },
}

/** The memory of a process that logs while Redis is away. */
export const logAway: Probe = {
  name: 'http.requestLogAway',
  about: 'MB (RSS) of a server that logs while Redis is away, after so many requests',
  figures: [
    { id: 'rssMb', heading: 'MB', better: 'less' },
    { id: 'requests', heading: 'requests' },
  ],
  async run(_url, { quick, log }) {
    const nowhere = 'redis://127.0.0.1:1'
    const counts = quick ? [20_000, 100_000] : [50_000, 1_000_000]
    const series: Series[] = []
    for (const count of counts) {
      log(`http.requestLogAway: ${count} requests`)
      const { rssMb } = await load('penknife', nowhere, count)
      const values = { rssMb: [rssMb], requests: [count] }
      series.push({
        name: 'penknife',
        setup: `${count} requests`,
        case: `${count} requests`,
        ours: true,
        values,
      })
    }
    return series
  },
}
