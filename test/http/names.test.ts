import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { promisify } from 'node:util'

import * as forExpress from '@penknife/express'
import * as forFastify from '@penknife/fastify'
import * as forFetch from '@penknife/fetch'
import * as forHono from '@penknife/fetch/hono'
import * as forNode from '@penknife/http'
import * as forKoa from '@penknife/koa'
import express from 'express'
import express4 from 'express4'
import Koa from 'koa'
import Koa2 from 'koa2'
import supertest from 'supertest'
import { describe, expect, test } from 'vitest'

import { until } from '../support/until.ts'
import { useFeatures } from './setup.ts'

const features = useFeatures()

test('every adapter exports the same names', () => {
  const names = Object.keys(forNode).toSorted()
  expect(names).toEqual(
    [
      'HttpError',
      'PASS',
      'accept',
      'adapt',
      'createNotificationClients',
      'createRequestStream',
      'decisionOf',
      'definePlugin',
      'headersFor',
      'idempotent',
      'ipKey',
      'leaderboard',
      'logClientErrors',
      'logError',
      'logFields',
      'notifications',
      'problem',
      'rateLimit',
      'requestIdOf',
      'requestLog',
    ].toSorted(),
  )
  expect(Object.keys(forExpress).toSorted()).toEqual([...names, 'logErrors'].toSorted())
  expect(Object.keys(forKoa).toSorted()).toEqual(names)
  expect(Object.keys(forFastify).toSorted()).toEqual([...names, 'mount'].toSorted())
  expect(Object.keys(forFetch).toSorted()).toEqual([...names, 'forwardedFor'].toSorted())
  expect(Object.keys(forHono).toSorted()).toEqual([...names, 'clientAddress', 'forwardedFor'].toSorted())
})

describe('the middlewares in an application of the README', () => {
  /** An application with the request log on everything and the limit and the events on a path each. */
  const applications = {
    express: () => expressApp(express),
    'express 4': () => expressApp(express4),
    koa: () => koaApp(Koa),
    'koa 2': () => koaApp(Koa2),
    'node:http': () => {
      const log = forNode.requestLog(features.stream())
      const limit = forNode.rateLimit(features.limiter())
      const events = forNode.notifications(features.notifier(), { channels: ['news'] })
      async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
        if (!(await log(request, response))) return
        if (request.url === '/events') await events(request, response)
        else if (await limit(request, response)) response.end('hello')
      }
      return createServer((request, response) => void serve(request, response))
    },
  }

  function expressApp(make: typeof express): ReturnType<typeof createServer> {
    const app = make()
    app.use(forExpress.requestLog(features.stream()))
    app.get('/events', forExpress.notifications(features.notifier(), { channels: ['news'] }))
    app.get(
      '/',
      forExpress.rateLimit(features.limiter()),
      (_request, response) => void response.send('hello'),
    )
    return createServer(app)
  }

  function koaApp(Make: typeof Koa): ReturnType<typeof createServer> {
    const app = new Make()
    const limit = forKoa.rateLimit(features.limiter())
    const events = forKoa.notifications(features.notifier(), { channels: ['news'] })
    app.use(forKoa.requestLog(features.stream()))
    app.use((context, next) => (context.path === '/events' ? events(context, next) : next()))
    app.use((context, next) => limit(context, next))
    app.use((context) => {
      context.body = 'hello'
    })
    const callback = app.callback()
    return createServer((request, response) => void callback(request, response))
  }

  test.each(Object.entries(applications))('%s', async (_name, make) => {
    const server = make()
    const agent = supertest(server)
    for (const left of [2, 1, 0]) {
      const answer = await agent.get('/').expect(200, 'hello')
      expect(answer.headers['ratelimit']).toMatch(`r=${left}`)
    }
    await agent.get('/').expect(429)
    await agent.head('/events').expect(200).expect('content-type', 'text/event-stream; charset=utf-8')
    await until('all requests are logged', async () => (await features.stream().read()).items.length === 5)
    await promisify(server.close.bind(server))().catch(() => {})
  })
})

test("a custom plugin works in every adapter, and its close is the middleware's", async () => {
  let closed = 0
  const greet = forNode.definePlugin({
    name: 'greet',
    setup(greeting: string) {
      const handler: forNode.Handler = ({ path }) =>
        path === '/greet' ? { status: 200, body: greeting } : forNode.problem(404)
      handler.close = async () => void closed++
      return handler
    },
  })
  const inExpress = forExpress.adapt(greet)('from express')
  const inKoa = forKoa.adapt(greet)('from koa')
  const inNode = forNode.adapt(greet)('from node')
  await supertest(express().use(inExpress)).get('/greet').expect(200, 'from express')
  await supertest(new Koa().use(inKoa).callback()).get('/greet').expect(200, 'from koa')
  await supertest(createServer((request, response) => void inNode(request, response)))
    .get('/greet')
    .expect(200, 'from node')
  for (const middleware of [inExpress, inKoa, inNode]) await middleware.close()
  expect(closed).toBe(3)
})
