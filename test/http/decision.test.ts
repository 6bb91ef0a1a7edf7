import { createRateLimiter } from '@penknife/core'
import * as forExpress from '@penknife/express'
import * as forNode from '@penknife/http'
import * as forKoa from '@penknife/koa'
import express from 'express'
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
    createRateLimiter(space, name, { rules: [{ name: 'minute', limit, window: '1m' }] })
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
