/**
 * What a request log is good for: the busiest routes and callers of the last hour, an alert when many requests fail, and a live tail as
 * server-sent events: `pnpm example traffic`.
 */
import express from 'express'
import { Redis } from 'ioredis'

import { connect, createLeaderboard, createNotifier } from '@penknife/core'
import { createRequestStream, leaderboard, logErrors, notifications, requestLog } from '@penknife/express'

import { redisUrl } from '../redis.ts'

const penknife = connect(new Redis(await redisUrl(), { lazyConnect: true }))
const shop = penknife.space('shop')
const requests = createRequestStream(shop, 'requests')
const routes = createLeaderboard(shop, 'routes', { windows: { hour: { last: '1h' } } })
const callers = createLeaderboard(shop, 'callers', { windows: { hour: { last: '1h' } } })
const health = createLeaderboard(shop, 'health', { windows: { now: { last: '1m' } } })
const news = createNotifier(shop, 'main')

// Each group gets every entry. `commit` makes the changes and finishes the entry in one step, so nothing is counted twice.
requests.worker('busiest', ({ payload, commit }) => {
  const weight = Math.round(1 / (payload.rate ?? 1)) // restores the count of a sampled log; a window that rolls takes whole numbers
  return commit(
    routes.incrementing(payload.route ?? 'no route', weight),
    callers.incrementing(payload.ip ?? 'nobody', weight),
  )
})

requests.worker('alerts', async ({ payload, commit }) => {
  const failed = payload.status >= 500 ? 1 : 0
  const done = await commit(health.incrementing('all'), health.incrementing('failed', failed))
  if (!done.ok || failed === 0) return
  const [all, failures] = done.results
  if (all < 10 || failures / all < 0.2) return
  const minute = Math.floor(payload.at / 60_000)
  const data = { text: `${failures} of ${all} requests failed`, last: payload.error?.message }
  await news.publish('alerts', data, { id: `error-rate-${minute}` }) // one alert a minute
})

requests.worker('tail', ({ payload }) => news.nudge('tail', payload), { from: 'now' })

const app = express()
const log = requestLog(shop, 'requests', { skip: ['/busiest/*', '/callers/*', '/live'] })
app.use(log)
app.use(leaderboard(routes, { path: '/busiest' }), leaderboard(callers, { path: '/callers' }))
app.get('/live', notifications(news, { channels: ['alerts', 'tail'] }))
app.get('/items/:id', (request, response) => {
  if (request.params.id === 'broken') throw new Error('no such item')
  response.send(request.params.id)
})
app.use(logErrors)
const server = app.listen(Number(process.env['PORT'] ?? 3003), '127.0.0.1', () => {
  const address = server.address()
  console.log(`http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`)
})
