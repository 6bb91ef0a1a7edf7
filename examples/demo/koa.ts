import { adapt, notifications, problem, rateLimit, type Reply, requestLog } from '@penknife/koa'
import Koa, { type Context } from 'koa'

import { byVisitor, channelsOf, type Demo, isBackground } from './app.ts'
import { assets } from './assets.ts'
import type { App } from './express.ts'
import { problemOf } from './problems.ts'
import { visitorOf } from './visitors.ts'

export function createKoaApp(demo: Demo): App {
  const log = requestLog(demo.requests, { skip: isBackground })
  const events = notifications(demo.notifier, { channels: channelsOf, views: demo.views, retry: '1s' })
  const clickLimit = rateLimit(demo.limiter, { key: byVisitor })
  // Takes no tokens: a page that was just opened reads its remaining clicks from the RateLimit header.
  const look = rateLimit(demo.limiter, { key: byVisitor, cost: 0 })

  const app = new Koa()
  app.use(log)
  app.use(async (context, next) => {
    try {
      await next()
    } catch (error) {
      send(context, problemOf(error))
    }
  })
  app.use(adapt(assets)())
  app.use(async (context, next) => {
    const answer = async (work: Promise<unknown>, status = 200): Promise<void> => {
      context.body = await work
      context.status = status
    }
    const visitor = (): ReturnType<typeof visitorOf> => visitorOf(context.query)
    switch (`${context.method} ${context.path}`) {
      case 'GET /events':
        return events(context, next)
      case 'GET /health':
        return answer(demo.health())
      case 'GET /state':
        return look(context, () => answer(demo.state(visitor())))
      case 'GET /rank':
        return answer(demo.standing(visitor()))
      case 'POST /redis':
        return answer(demo.health(), (await demo.restartRedis()) ? 200 : 409)
      case 'PUT /name':
        return answer(demo.rename(visitor()))
      case 'POST /clicks':
        return clickLimit(context, () => answer(demo.click(visitor()), 201))
      default:
        return send(context, problem(404))
    }
  })

  const close = async (): Promise<void> => void (await Promise.all([events.close(), log.close()]))
  return { listener: (request, response) => void app.callback()(request, response), close }
}

function send(context: Context, { status, headers = {}, body }: Reply): void {
  context.status = status
  context.set(headers as Record<string, string>)
  context.body = body
}
