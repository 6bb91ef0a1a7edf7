/**
 * Tries proposed rate limits on real traffic: who would have been limited in the past hour, and when. A private Redis with a settable
 * clock replays the requests at their own times, so an hour takes seconds: `pnpm example trial`.
 */
import { once } from 'node:events'

import express from 'express'
import { Redis } from 'ioredis'

import { connect } from '@penknife/core'
import { createRequestStream, requestLog } from '@penknife/express'

import { redisUrl } from '../redis.ts'
import { tryLimits } from './try-limits.ts'

const penknife = connect(new Redis(await redisUrl(), { lazyConnect: true }))
const shop = penknife.space('shop')
const log = requestLog(shop, 'requests', { user: ({ headers }) => String(headers['x-user']) })
const app = express().use(log)
app.get('/', (_request, response) => void response.send('hello'))
const server = app.listen(0, '127.0.0.1')
await once(server, 'listening')
const { port } = server.address() as { port: number }
for (const user of [...Array.from({ length: 12 }, () => 'ann'), 'bob'])
  await (await fetch(`http://127.0.0.1:${port}`, { headers: { 'x-user': user } })).text()
await log.close()

const proposed = [{ name: 'burst', limit: 8, window: '1h' }] as const
const hourAgo = Date.now() - 3_600_000
const trials = await tryLimits(
  createRequestStream(shop, 'requests'),
  proposed,
  ({ user = '' }) => user,
  hourAgo,
)
for (const [user, { requests, limited, firstAt }] of trials) {
  const when = firstAt === undefined ? '' : `, first at ${new Date(firstAt).toISOString()}`
  console.log(`${user}: ${limited} of ${requests} requests would have been limited${when}`)
}
server.close()
await penknife.close()
process.exit()
