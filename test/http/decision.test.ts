import { createRateLimiter } from '@penknife/core'
import * as forExpress from '@penknife/express'
import * as forFastify from '@penknife/fastify'
import * as forHono from '@penknife/fetch/hono'
import * as forNode from '@penknife/http'
import * as forKoa from '@penknife/koa'
import express from 'express'
import { fastify, type FastifyReply, type FastifyRequest } from 'fastify'
import { type Context, Hono } from 'hono'
import Koa from 'koa'
import { createServer } from 'node:http'
import supertest from 'supertest'
import { expect, expectTypeOf, test } from 'vitest'

import { openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'

const bench = useRedis()

async function limiters() {
  const space = (await openReady(pattern(bench.server.url))).space('shop')
  const make = (name: string, limit: number) =>
    createRateLimiter(space, name, { rules: [{ name: 'minute', limit, window: '1m' }], deadline: '2s' })
  return [make('one', 5), make('two', 9)] as const
}

test('handlers in Express read the decisions of rateLimit, and the type of the body stays', async () => {
  const [one, two] = await limiters()
  const app = express()
  app.get('/free', (request, response) => void response.json(forExpress.decisionOf(request) ?? 'none'))
  app.use(forExpress.rateLimit(one))
  app.get('/', forExpress.rateLimit(two), (request, response) => {
    expectTypeOf(request.body).toBeAny()
    const { decisionOf } = forExpress
    const found = [decisionOf(request), decisionOf(request, 'one'), decisionOf(request, 'three')]
    response.json(found.map((decision) => decision?.remaining ?? null))
  })
  expect((await supertest(app).get('/free')).body).toBe('none')
  expect((await supertest(app).get('/')).body).toEqual([8, 4, null])
})

test('handlers in Koa and node:http read them too', async () => {
  const [one] = await limiters()
  const app = new Koa()
  app.use(forKoa.rateLimit(one))
  app.use((context) => void (context.body = { left: forKoa.decisionOf(context)?.remaining }))
  expect((await supertest(app.callback()).get('/')).body).toEqual({ left: 4 })
  const check = forNode.rateLimit(one)
  const server = createServer((request, response) => {
    void check(request, response).then(() => response.end(String(forNode.decisionOf(request)?.remaining)))
  })
  expect((await supertest(server).get('/')).text).toBe('3')
})

test('headersFor gives those who answer by themselves the headers that rateLimit sends', async () => {
  const [one] = await limiters()
  const app = express()
  app.get('/ours', forExpress.rateLimit(one, { key: () => 'ann', headers: 'both' }), (_request, response) => {
    response.end()
  })
  const sent = (await supertest(app).get('/ours')).headers
  const decision = await one.take('bob')
  const made = forNode.headersFor(decision, { headers: 'both' })
  for (const [name, value] of Object.entries(made)) {
    const seconds = /reset/i.test(name) ? Number(value) : Number.NaN
    if (Number.isNaN(seconds)) expect(sent[name.toLowerCase()]).toBe(value)
    else expect(Math.abs(seconds - Number(sent[name.toLowerCase()]))).toBeLessThan(10)
  }
  expect(Object.keys(made)).toHaveLength(5)
  const denied = await one.take('bob', { cost: 5 })
  expect(denied.allowed).toBe(false)
  expect(forNode.headersFor(denied)['Retry-After']).toMatch(/^\d+$/)
  expect(() => forNode.headersFor(decision, { draft: 9 as never })).toThrow('headersFor draft is 9')
})

test("callbacks get the framework's own context, typed", async () => {
  const [one, two] = await limiters()
  const app = express()
  app.get(
    '/users/:id',
    (request, _response, next) => {
      Object.assign(request, { user: { plan: 'free' } })
      next()
    },
    forExpress.rateLimit<{ request: express.Request & { user: { plan: string } } }>(one, {
      key: ({ context: { request } }) => `${request.user.plan} ${String(request.params['id'])}`,
    }),
    forExpress.rateLimit(two, { key: ({ context }) => context.request.params['id'] }),
    (_request, response) => void response.end(),
  )
  await supertest(app).get('/users/7').expect(200)
  expect(await one.take('free 7', { cost: 0 })).toMatchObject({ remaining: 4 })
  expect(await two.take('7', { cost: 0 })).toMatchObject({ remaining: 8 })

  const koa = new Koa<{ user: { id: string } }>()
  koa.use((context, next) => {
    context.state.user = { id: 'kim' }
    return next()
  })
  koa.use(
    forKoa.rateLimit<Koa.ParameterizedContext<{ user: { id: string } }>>(one, {
      key: ({ context }) => context.state.user.id,
    }),
  )
  await supertest(koa.callback()).get('/')
  expect(await one.take('kim', { cost: 0 })).toMatchObject({ remaining: 4 })

  interface Item {
    request: FastifyRequest<{ Params: { id: string } }>
    reply: FastifyReply
  }
  const app5 = fastify()
  app5.get(
    '/items/:id',
    {
      onRequest: forFastify.rateLimit<Item>(one, {
        key: ({ context }) => `item ${context.request.params.id}`,
      }),
    },
    async (request) => ({ left: forFastify.decisionOf(request)?.remaining }),
  )
  expect((await app5.inject('/items/7')).json()).toEqual({ left: 4 })
  expect(await one.take('item 7', { cost: 0 })).toMatchObject({ remaining: 4 })

  type Own = Context<{ Variables: { user: { id: string } } }>
  const hono = new Hono<{ Variables: { user: { id: string } } }>()
  hono.use((context, next) => {
    context.set('user', { id: 'lea' })
    return next()
  })
  hono.get(
    '/items/:id',
    forHono.rateLimit<Own>(one, {
      key: ({ context }) => `${context.get('user').id} ${context.req.param('id')}`,
    }),
    (context) => context.json({ left: forHono.decisionOf(context)?.remaining }),
  )
  expect(await (await hono.request('/items/7')).json()).toEqual({ left: 4 })
  expect(await one.take('lea 7', { cost: 0 })).toMatchObject({ remaining: 4 })
})
