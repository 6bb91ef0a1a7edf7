/** A report that takes longer than a request, with its progress: `pnpm example report`. */
import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'

import express from 'express'
import { Redis } from 'ioredis'

import { connect, createStream } from '@penknife/core'
import { accept, HttpError } from '@penknife/express'

import { redisUrl } from '../redis.ts'

const penknife = connect(new Redis(await redisUrl(), { lazyConnect: true }))
const reports = createStream<{ year: number }>(penknife.space('shop'), 'reports', { groups: ['render'] })

// In any process.
reports.worker('render', async ({ payload, progress, signal }) => {
  for (const percent of [25, 50, 75]) {
    await progress({ percent })
    await delay(100, undefined, { signal })
  }
  return { pages: payload.year - 2000 }
})

const app = express()
app.use(
  accept(reports, {
    path: '/reports',
    // Every process needs the same secret, so take it from the environment.
    secret: process.env['REPORTS_SECRET'] ?? randomBytes(32).toString('hex'),
    payload(_exchange, body) {
      const { year } = (body ?? {}) as { year?: unknown }
      if (!Number.isInteger(year)) throw new HttpError(422, 'Give a year.')
      return { year: year as number }
    },
  }),
)
const server = app.listen(0, '127.0.0.1')
await new Promise((resolve) => server.once('listening', resolve))
const { port } = server.address() as { port: number }

// A client.
const accepted = await fetch(`http://127.0.0.1:${port}/reports`, {
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({ year: 2026 }),
})
console.log(accepted.status, accepted.headers.get('location')?.replace(/reports\/.*/, 'reports/…'))
const address = new URL(accepted.headers.get('location') ?? '', accepted.url)
for (let last = ''; !last.includes('done'); await delay(50)) {
  const status = (await (await fetch(address)).json()) as Record<string, unknown>
  const line = JSON.stringify([status['state'], status['progress'], status['result']])
  if (line !== last) console.log(line)
  last = line
}
await penknife.close()
process.exit()
