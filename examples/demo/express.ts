import type { RequestListener } from 'node:http'

import { adapt, notifications, problem, rateLimit, type Reply, requestLog } from '@penknife/express'
import express, { type ErrorRequestHandler, type Response } from 'express'

import { byVisitor, channelsOf, type Demo, isBackground } from './app.ts'
import { assets } from './assets.ts'
import { problemOf } from './problems.ts'
import { visitorOf } from './visitors.ts'

/** The demo on one framework. */
export interface App {
  readonly listener: RequestListener
  /** Ends the pages' event streams and waits for the request log. */
  close(): Promise<void>
}

export function createExpressApp(demo: Demo): App {
  const log = requestLog(demo.requests, { skip: isBackground })
  const events = notifications(demo.notifier, { channels: channelsOf, views: demo.views, retry: '1s' })
  const clickLimit = rateLimit(demo.limiter, { key: byVisitor })
  // Takes no tokens: a page that was just opened reads its remaining clicks from the RateLimit header.
  const look = rateLimit(demo.limiter, { key: byVisitor, cost: 0 })

  const app = express()
  app.disable('x-powered-by')
  app.use(log)
  app.use(adapt(assets)())
  app.get('/events', events)
  app.get('/health', async (_request, response) => void response.json(await demo.health()))
  app.get(
    '/state',
    look,
    async ({ query }, response) => void response.json(await demo.state(visitorOf(query))),
  )
  app.get('/rank', async ({ query }, response) => void response.json(await demo.standing(visitorOf(query))))
  app.post('/redis', async (_request, response) => {
    response.status((await demo.restartRedis()) ? 200 : 409).json(await demo.health())
  })
  app.put('/name', async ({ query }, response) => void response.json(await demo.rename(visitorOf(query))))
  app.post('/clicks', clickLimit, async ({ query }, response) => {
    response.status(201).json(await demo.click(visitorOf(query)))
  })
  app.use((_request, response) => send(response, problem(404)))
  app.use(((error, _request, response, next) => {
    if (response.headersSent) next(error)
    else send(response, problemOf(error))
  }) satisfies ErrorRequestHandler)

  return { listener: app, close: async () => void (await Promise.all([events.close(), log.close()])) }
}

function send(response: Response, { status, headers = {}, body }: Reply): void {
  response
    .status(status)
    .set(headers as Record<string, string>)
    .send(body)
}
