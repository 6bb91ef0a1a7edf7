import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'

import { getRequestListener } from '@hono/node-server'
import type { RateLimiter } from '@penknife/core'
import * as forExpress from '@penknife/express'
import * as forFastify from '@penknife/fastify'
import * as forHono from '@penknife/fetch/hono'
import { httpGet, raw } from '@penknife/http/testkit'
import express5, { type Request, type Response } from 'express'
import express4 from 'express4'
import { fastify } from 'fastify'
import { Hono } from 'hono'
import { expect, onTestFinished, test } from 'vitest'

import { useFeatures } from '../setup.ts'

const features = useFeatures()

/** Ways to ask for one route. */
const TARGETS = [
  '/api/search',
  '/API/Search',
  '/api/search/',
  '/api/search?q=1',
  '/api/search#part',
  '/api/%73earch',
  '/api\\search',
  '//api/search',
  'http://x/api/search',
  'HTTP://x/API/search',
  'http://ann:secret@x/api/search?q=http://y',
  'http://x/api\\search',
  'http://x//api/search',
]

/** An application with one route, '/api/search' in a router that is mounted at '/api', and a limit of each place. */
type MakeApp = (limiter: RateLimiter, place: 'route' | 'router', served: () => void) => RequestListener

const COST = { cost: 5 }

const inExpress =
  (make: typeof express5): MakeApp =>
  (limiter, place, served) => {
    const app = make()
    const router = make.Router()
    const limit = forExpress.rateLimit(limiter, COST)
    if (place === 'router') router.use(limit)
    router.get('/search', place === 'route' ? limit : [], (_request: Request, response: Response) => {
      served()
      response.end()
    })
    app.use('/api', router)
    return app
  }

const inFastify: MakeApp = (limiter, place, served) => {
  const app = fastify()
  const limit = forFastify.rateLimit(limiter, COST)
  app.register(
    (scope, _options, done) => {
      if (place === 'router') scope.register(forFastify.mount([limit]))
      scope.get('/search', place === 'route' ? { onRequest: limit } : {}, (_request, reply) => {
        served()
        return reply.send('')
      })
      done()
    },
    { prefix: '/api' },
  )
  const ready = app.ready()
  return (request, response) => void ready.then(() => app.routing(request, response))
}

const inHono: MakeApp = (limiter, place, served) => {
  const app = new Hono()
  const router = new Hono()
  const limit = forHono.rateLimit(limiter, COST)
  if (place === 'router') router.use(limit)
  router.get('/search', place === 'route' ? limit : (_context, next) => next(), (context) => {
    served()
    return context.text('')
  })
  app.route('/api', router)
  const serve = getRequestListener(app.fetch)
  return (request, response) => void serve(request, response)
}

const apps = [
  ['Express 5', inExpress(express5)],
  ['Express 4', inExpress(express4)],
  ['Fastify', inFastify],
  ['Hono on Node', inHono],
] as const
const cases = apps.flatMap(([name, make]) =>
  (['route', 'router'] as const).map((place) => [name, place, make] as const),
)

test.each(cases)('on %s no way to write a target gets past a limit at the %s', async (name, place, make) => {
  const limiter = features.limiter({ rules: [{ name: 'search', limit: 10, window: '1h' }] })
  let served = 0
  const server = createServer(make(limiter, place, () => served++))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const statuses = new Map<string, number>()
  for (const target of TARGETS) {
    const client = raw(url, httpGet(target, '1.1', 'Connection: close\r\n'))
    await client.closed
    const status = /^HTTP\/1\.1 (\d+)/.exec(client.text)?.[1] ?? 'none'
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
  }
  // In a router, requests that no route serves count, too.
  expect(served).toBeGreaterThan(place === 'route' ? 1 : 0)
  expect(served).toBeLessThanOrEqual(2)
  expect(statuses.get('200')).toBe(served)
  // More ways than the plain one lead to the route: in Express more than in others.
  expect(statuses.get('429')).toBeGreaterThan(name.startsWith('Express') ? 4 : 0)
  for (const status of statuses.keys()) expect(['200', '400', '404', '429']).toContain(status)
})
