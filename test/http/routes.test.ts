import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

import { adapt } from '@penknife/express'
import { definePlugin, PASS } from '@penknife/http'
import { call } from '@penknife/http/testkit'
import express5, { type ErrorRequestHandler, type Express, type Router } from 'express'
import express4 from 'express4'
import { describe, expect, onTestFinished, test } from 'vitest'

type Make = typeof express5

interface Layered {
  stack: { rawPath?: unknown; handle?: Partial<Layered> }[]
}

/** Routers of before 2.3 did not keep the paths that they were given. */
function forgetPaths({ stack }: Layered): void {
  for (const layer of stack) {
    delete layer.rawPath
    if (layer.handle?.stack) forgetPaths(layer.handle as Layered)
  }
}

const versions: readonly [name: string, make: Make, forgets: boolean][] = [
  ['Express 5', express5, false],
  ['Express 5 of before it kept paths', express5, true],
  ['Express 4', express4, false],
]

describe.each(versions)('routes on %s', (_name, make, forgets) => {
  /** The routes that a log above everything sees, for requests one after the other. */
  async function routesOf(set: (app: Express) => void, ...paths: readonly string[]) {
    const routes: (string | undefined)[] = []
    const watch = definePlugin({
      name: 'watch',
      setup: () => (exchange) => {
        exchange.onFinish(() => routes.push(exchange.route()))
        return PASS
      },
    })
    const app = make()
    app.set('env', 'test')
    app.use(adapt(watch)())
    set(app)
    if (forgets) forgetPaths((app as unknown as { router: Layered }).router)
    const server = createServer(app)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    for (const path of paths) {
      const before = routes.length
      await call(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`)
      await expect.poll(() => routes.length).toBe(before + 1)
    }
    return routes
  }

  const items = (): Router => {
    const router = make.Router()
    router.get('/items/:id', (request, response) => {
      if (request.params['id'] === 'bad') throw new Error('on purpose')
      response.end('ok')
    })
    return router
  }

  const answerErrors: ErrorRequestHandler = (_error, _request, response, _next) =>
    void response.status(418).end()

  test('a route in a mounted router has its mount, also when its handler failed', async () => {
    const mounted = (app: Express): void => void app.use('/api', items())
    expect(await routesOf(mounted, '/api/items/1', '/api/items/bad', '/nowhere')).toEqual([
      '/api/items/:id',
      '/api/items/:id',
      undefined,
    ])
    const handled = (app: Express): void =>
      void app.use('/api', make.Router().use('/v1', items())).use(answerErrors)
    expect(await routesOf(handled, '/api/v1/items/bad', '/api/v1/items/1?x=/y')).toEqual([
      '/api/v1/items/:id',
      '/api/v1/items/:id',
    ])
  })

  test('a route of the application itself is its pattern, also when its handler failed', async () => {
    const own = (app: Express): void => void app.use(items())
    expect(await routesOf(own, '/items/1', '/items/bad')).toEqual(['/items/:id', '/items/:id'])
    const direct = (app: Express): void =>
      void app.get('/fail/:id', () => {
        throw new Error('on purpose')
      })
    expect(await routesOf(direct, '/fail/7')).toEqual(['/fail/:id'])
  })

  test("a mount is logged with its parameters' names, however many values clients send", async () => {
    const tenants = (app: Express): void => void app.use('/tenants/:tenant', items()).use(answerErrors)
    const paths = ['acme', 'b%20c', 'TENANTS', 'ev%2Fil'].map((tenant) => `/tenants/${tenant}/items/1`)
    const routes = await routesOf(tenants, ...paths, '/tenants/acme/items/bad')
    expect(new Set(routes)).toEqual(new Set(['/tenants/:tenant/items/:id']))
  })

  test('clients cannot change the text of a mount', async () => {
    const mounted = (app: Express): void => void app.use('/api', items())
    const routes = await routesOf(mounted, '/aPi/items/1', '/API/items/1', '/api/items/bad')
    expect(new Set(routes)).toEqual(new Set(['/api/items/:id']))
  })

  test('a router that is mounted twice has the mount of the request', async () => {
    const both = (app: Express): void => {
      const router = items()
      app.use('/', router).use('/a', router).use('/b/:x', router).use(answerErrors)
    }
    const paths = ['/a/items/1', '/b/7/items/1', '/items/1', '/b/7/items/bad', '/a/items/bad']
    expect(await routesOf(both, ...paths)).toEqual([
      '/a/items/:id',
      '/b/:x/items/:id',
      '/items/:id',
      '/b/:x/items/:id',
      '/a/items/:id',
    ])
  })

  test('an application in an application has its mount', async () => {
    const mounted = (app: Express): void => {
      const inner = make()
      inner.use('/v1', items())
      if (forgets) forgetPaths((inner as unknown as { router: Layered }).router)
      app.use('/apps/:name', inner)
    }
    expect(await routesOf(mounted, '/apps/shop/v1/items/1')).toEqual(['/apps/:name/v1/items/:id'])
  })

  test('without a known pattern there is none: no value of a client becomes a route', async () => {
    const byExpression = (app: Express): void => void app.use(/^\/t\/(\w+)/, items())
    const inRouter = (app: Express): void => {
      const inner = make()
      inner.use(items())
      app.use('/x', make.Router().use('/y', inner))
    }
    expect(await routesOf(byExpression, '/t/acme/items/1', '/t/b/items/1')).toEqual([undefined, undefined])
    expect(await routesOf(inRouter, '/x/y/items/1')).toEqual([undefined])
    const byList = (app: Express): void => void app.use(['/a/:q', '/b/:q'], items())
    expect(await routesOf(byList, '/a/1/items/1', '/b/1/items/1')).toEqual([undefined, undefined])
  })
})
