import { createServer, type RequestListener } from 'node:http'

import * as forExpress from '@penknife/express'
import * as forNode from '@penknife/http'
import * as forKoa from '@penknife/koa'
import express from 'express'
import express4 from 'express4'
import Koa from 'koa'
import Koa2 from 'koa2'
import supertest from 'supertest'
import { describe, expect, test } from 'vitest'

import { useFeatures } from './setup.ts'

const features = useFeatures()

type Misused = (...given: unknown[]) => unknown

/** Middlewares of every package. The framework calls them as it calls its own. */
const middlewares: Readonly<Record<string, () => Misused>> = {
  '@penknife/express': () => forExpress.rateLimit(features.limiter()) as Misused,
  '@penknife/koa': () => forKoa.rateLimit(features.limiter()) as Misused,
  '@penknife/http': () => forNode.rateLimit(features.limiter()) as Misused,
}

/** Serves with one middleware; `note` is called with the error that the framework was given. */
type Mount = (middleware: Misused, note: (error: unknown) => void) => RequestListener

const inExpress =
  (make: typeof express): Mount =>
  (middleware, note) => {
    const app = make()
    app.use(middleware as express.RequestHandler)
    app.use((_request, response) => void response.send('passed'))
    const failed: express.ErrorRequestHandler = (error, _request, response, _next) => {
      note(error)
      response.status(500).end()
    }
    app.use(failed)
    return app
  }

const inKoa =
  (Make: typeof Koa): Mount =>
  (middleware, note) => {
    const app = new Make()
    app.on('error', note)
    app.use(middleware as Koa.Middleware)
    app.use((context) => {
      context.body = 'passed'
    })
    const callback = app.callback()
    return (request, response) => void callback(request, response)
  }

const inNode: Mount = (middleware, note) => (request, response) => {
  const serve = async (): Promise<unknown> => middleware(request, response)
  serve().then(
    () => response.end('passed'),
    (error: unknown) => {
      note(error)
      response.statusCode = 500
      response.end()
    },
  )
}

const wrong: readonly [where: string, mount: Mount, used: readonly string[]][] = [
  ['Express 5', inExpress(express), ['@penknife/koa', '@penknife/http']],
  ['Express 4', inExpress(express4), ['@penknife/koa', '@penknife/http']],
  ['Koa 3', inKoa(Koa), ['@penknife/express', '@penknife/http']],
  ['Koa 2', inKoa(Koa2), ['@penknife/express', '@penknife/http']],
  ['node:http', inNode, ['@penknife/express', '@penknife/koa']],
]

describe.each(wrong)('in %s', (_where, mount, used) => {
  test.each(used)(
    'a middleware of %s is refused with an error that names the right package',
    async (name) => {
      const errors: unknown[] = []
      const server = createServer(mount(middlewares[name]?.() as Misused, (error) => errors.push(error)))
      await supertest(server).get('/').timeout(5000).expect(500)
      expect(errors).toHaveLength(1)
      expect(errors[0]).toMatchObject({ code: 'PENKNIFE_INVALID' })
      expect(String(errors[0])).toMatch(
        new RegExp(
          `a middleware of ${name} was not called with .*use @penknife/express in Express, @penknife/koa`,
        ),
      )
    },
  )
})

test('a context of a framework without node:http is refused by the middleware of Koa', () => {
  const context = { req: { method: 'GET' }, res: new Response() }
  const middleware = middlewares['@penknife/koa']?.() as Misused
  expect(() => middleware(context, async () => {})).toThrow(
    /a middleware of @penknife\/koa was not called with/,
  )
})

test.each([
  ['nothing', () => undefined],
  ['text', () => 'slow'],
  ['true, as a middleware of node:http does', () => true],
  ['a reply without a status', async () => ({ body: 'slow' })],
])('a plugin that answers %s is an error, not a request that passes or hangs', async (_what, answer) => {
  const plugin = forNode.definePlugin({ name: 'mine', setup: () => answer as never })
  const mounts: readonly [Mount, Misused][] = [
    [inExpress(express4), forExpress.adapt(plugin)() as Misused],
    [inKoa(Koa2), forKoa.adapt(plugin)() as Misused],
    [inNode, forNode.adapt(plugin)() as Misused],
  ]
  for (const [mount, middleware] of mounts) {
    const errors: unknown[] = []
    await supertest(createServer(mount(middleware, (error) => errors.push(error))))
      .get('/')
      .timeout(5000)
      .expect(500)
    expect(String(errors)).toMatch(
      /the answer of the plugin 'mine' is .*answer with a reply such as \{ status/,
    )
  }
})

test('any thrown value of a plugin is an error, so that no framework takes it for a pass', async () => {
  const thrown = [undefined, null, 0, '', 'route', 'router', 'text', Symbol('s')]
  for (const value of thrown) {
    const plugin = forNode.definePlugin({ name: 'mine', setup: () => () => Promise.reject(value) })
    const mounts: readonly [Mount, Misused][] = [
      [inExpress(express), forExpress.adapt(plugin)() as Misused],
      [inExpress(express4), forExpress.adapt(plugin)() as Misused],
      [inKoa(Koa), forKoa.adapt(plugin)() as Misused],
      [inNode, forNode.adapt(plugin)() as Misused],
    ]
    for (const [mount, middleware] of mounts) {
      const errors: unknown[] = []
      await supertest(createServer(mount(middleware, (error) => errors.push(error))))
        .get('/')
        .timeout(5000)
        .expect(500)
      expect(errors).toEqual([expect.any(Error)])
      expect(String(errors)).toMatch(/the plugin 'mine' failed with .*, which is no Error/s)
    }
  }
})

test('a server that passes next as Express does, but knows no addresses, limits by socket addresses', async () => {
  const limit = forExpress.rateLimit(features.limiter()) as Misused
  const server = createServer((request, response) => {
    limit(request, response, (error?: unknown) => {
      response.statusCode = error ? 500 : 200
      response.end()
    })
  })
  const statuses = []
  for (let nth = 0; nth < 4; nth++) statuses.push((await supertest(server).get('/')).status)
  expect(statuses).toEqual([200, 200, 200, 429])
})
