/** penknife in Koa: `pnpm example koa`, then open the URL, and reload it more than five times. */
import { Redis } from 'ioredis'
import Koa from 'koa'

import { connect, createLeaderboard, createNotifier, createRateLimiter, createStream } from '@penknife/core'
import { createRequestStream, leaderboard, notifications, rateLimit, requestLog } from '@penknife/koa'

import { redisUrl } from '../redis.ts'

const penknife = connect(new Redis(await redisUrl(), { lazyConnect: true }))
const shop = penknife.space('shop')

const requests = createRequestStream(shop, 'requests')
const visits = createStream<{ ip: string }>(shop, 'visits', { groups: ['greeter'] })
const visitors = createLeaderboard(shop, 'visitors', { windows: { hour: { last: '1h' } } })
const news = createNotifier(shop, 'main')
const limiter = createRateLimiter(shop, 'web', { rules: [{ name: 'burst', limit: 5, window: '10s' }] })

// Each visit is handled by one of the workers, in this process or in any other.
visits.worker('greeter', ({ payload }) => news.publish('visits', `hello ${payload.ip}`))

const events = notifications(news, { channels: ['visits'] })
const limited = rateLimit(limiter)

const app = new Koa()
app.use(requestLog(requests))
app.use(leaderboard(visitors, { path: '/visitors' }))
app.use(async (context, next) => {
  if (context.path === '/events') await events(context, next)
  else if (context.path === '/requests') {
    context.body = (await requests.read({ reverse: true, limit: 20 })).items
  } else if (context.path === '/') await limited(context, next)
})
app.use(async (context) => {
  const id = await visits.add({ ip: context.ip })
  await visitors.increment(context.ip)
  context.body = { visit: id, next: ['/events', '/requests', '/visitors/top'] }
})

const server = app.listen(Number(process.env['PORT'] ?? 3001), '127.0.0.1', () => {
  const address = server.address()
  console.log(`http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`)
})

process.once('SIGINT', () => {
  server.close()
  server.closeAllConnections()
  void penknife.close().then(() => process.exit())
})
