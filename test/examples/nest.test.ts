import 'reflect-metadata'
import { Controller, Get, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { ExpressAdapter } from '@nestjs/platform-express'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import { connect, createRateLimiter, type LimiterDecision } from '@penknife/core'
import { expect, onTestFinished, test } from 'vitest'

import { Cost, Decision, RateLimitModule } from '../../examples/nest/rate-limit.ts'
import { available } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'

const bench = useRedis()

class Items {
  list(decision: LimiterDecision): object {
    return { left: decision.remaining }
  }

  export(): object {
    return {}
  }
}

// As TypeScript compiles the decorators of a controller.
const member = (name: keyof Items) =>
  Object.getOwnPropertyDescriptor(Items.prototype, name) as PropertyDescriptor
Controller('items')(Items)
Get()(Items.prototype, 'list', member('list'))
Decision()(Items.prototype, 'list', 0)
Get('export')(Items.prototype, 'export', member('export'))
Cost(3)(Items.prototype, 'export', member('export'))

test.each([
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter()],
])('the guard, module and decorators for Nest limit requests on %s', async (_name, makeAdapter) => {
  const penknife = connect(pattern(bench.server.url))
  await available(penknife)
  onTestFinished(() => penknife.close())
  const rules = [{ name: 'hour', limit: 4, window: '1h' }] as const
  const limiter = createRateLimiter(penknife.space('nest'), 'api', { rules })
  // Nest wants a class.
  // oxlint-disable-next-line typescript/no-extraneous-class
  class App {}
  Module({ imports: [RateLimitModule.forRoot(limiter)], controllers: [Items] })(App)
  const app = await NestFactory.create(App, makeAdapter(), { logger: false })
  await app.listen(0, '127.0.0.1')
  onTestFinished(() => app.close())
  const url = await app.getUrl()
  const list = await fetch(`${url}/items`)
  expect([list.status, await list.json()]).toEqual([200, { left: 3 }])
  expect(list.headers.get('ratelimit')).toMatch(/^"hour";r=3/)
  expect((await fetch(`${url}/items/export`)).status).toBe(200)
  const denied = await fetch(`${url}/items`)
  expect([denied.status, denied.headers.get('retry-after')]).toEqual([429, expect.stringMatching(/^\d+$/)])
})
