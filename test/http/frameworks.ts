import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

import { getRequestListener, type HttpBindings } from '@hono/node-server'
import { adapt as forExpress } from '@penknife/express'
import { adapt as forFastify } from '@penknife/fastify'
import { adapt as forFetch, forwardedFor } from '@penknife/fetch'
import { adapt as forHono, clientAddress } from '@penknife/fetch/hono'
import { adapt as forNode, definePlugin, type Handler, type Plugin } from '@penknife/http'
import type { AdapterUnderTest, RunningServer, StartOptions } from '@penknife/http/testkit'
import { adapt as forKoa } from '@penknife/koa'
import express5, { type ErrorRequestHandler } from 'express'
import express4 from 'express4'
import { fastify as makeFastify } from 'fastify'
import { Hono } from 'hono'
import Koa3 from 'koa'
import Koa2 from 'koa2'

import { QUICK } from '../support/until.ts'

/** The test kit's application in a framework. */
type MakeListener = (
  handlers: readonly Handler[],
  options: StartOptions,
  /** Gets the errors that reach the framework's error handling. */
  errors: unknown[],
) => RequestListener

/** A framework with its adapter, as the test kit drives it, and its application without a server. */
export interface Framework extends AdapterUnderTest {
  readonly listener: MakeListener
  start(handlers: readonly Handler[], options?: StartOptions): Promise<TestServer>
}

export interface TestServer extends RunningServer {
  /** Node's objects of all requests so far, in the order of their arrival; not every adapter shows them to handlers. */
  readonly responses: readonly ServerResponse[]
}

/** Each framework with its adapter; the suite's other tests use them as the test kit does. The quick tests try the latest version of each. */
export const frameworks: readonly Framework[] = [
  express('Express 5', express5),
  ...(QUICK ? [] : [express('Express 4', express4)]),
  koa('Koa 3', Koa3),
  ...(QUICK ? [] : [koa('Koa 2', Koa2)]),
  node('node:http'),
  fastify('Fastify'),
  hono('Hono on Node'),
  bareFetch('a bare fetch server'),
]

/**
 * The frameworks whose adapter sees the connections of clients. A server of Request and Response shows none, so it cannot tell
 * that a connection was reset or taken over, nor that one broke on which the response still waits behind another.
 */
export const connected: readonly Framework[] = frameworks.filter(
  ({ knowsConnections = true }) => knowsConnections,
)

/** One framework for each way in which adapters send: to node's response, through the framework, as a Response. For slow tests. */
export const kinds: readonly Framework[] = frameworks.filter(({ name }) =>
  ['Express 5', 'Koa 3', 'Hono on Node', 'a bare fetch server'].includes(name),
)

/** A plugin around a handler, for adapters take nothing else. */
function asPlugin(handler: Handler): Plugin<[]> {
  return definePlugin({ name: 'test', setup: () => handler })
}

function framework(name: string, knowsMore: boolean, listener: MakeListener): Framework {
  return {
    name,
    knowsRoutes: knowsMore,
    knowsProxies: knowsMore,
    listener,
    start(handlers, options = {}) {
      const errors: unknown[] = []
      return listen(listener(handlers, options, errors), errors)
    },
  }
}

function fastify(name: string): Framework {
  return framework(name, true, (handlers, { mount = '', bodyParser, trustProxy = false }, errors) => {
    const app = makeFastify({
      trustProxy: trustProxy ? (_address, hop) => hop === 0 : false,
      routerOptions: { ignoreDuplicateSlashes: false },
    })
    if (!bodyParser) {
      app.removeAllContentTypeParsers()
      app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
    }
    app.setErrorHandler((error, _request, reply) => {
      errors.push(error)
      void reply.send(error)
    })
    const hook = bodyParser ? 'preHandler' : 'onRequest'
    app.register(
      (scope, _options, done) => {
        for (const handler of handlers) scope.addHook(hook as 'onRequest', forFastify(asPlugin(handler))())
        scope.setNotFoundHandler((_request, reply) => reply.code(404).send(''))
        scope.get('/items/:id', (request, reply) => reply.send({ id: (request.params as { id: string }).id }))
        scope.post('/echo', (request, reply) => reply.send(request.body))
        done()
      },
      { prefix: mount },
    )
    let ready = false
    const readied = app.ready().then(() => (ready = true))
    return (request, response) => {
      if (ready) app.routing(request, response)
      else void readied.then(() => app.routing(request, response))
    }
  })
}

function hono(name: string): Framework {
  const made = framework(name, true, (handlers, { mount = '/', bodyParser, trustProxy = false }, errors) => {
    const app = new Hono()
    if (trustProxy) app.use(clientAddress(({ req }) => forwardedFor(req.raw)))
    const routes = new Hono()
    if (bodyParser) {
      routes.use(async (context, next) => {
        if (bodyParser === 'text') await context.req.text()
        else await context.req.raw.json()
        await next()
      })
    }
    for (const handler of handlers) routes.use(forHono(asPlugin(handler))())
    routes.get('/items/:id', (context) => context.json({ id: context.req.param('id') }))
    routes.post('/echo', (context) => new Response(context.req.raw.body))
    app.route(mount, routes)
    app.onError((error, context) => {
      errors.push(error)
      return context.text('', ((error as { status?: number }).status ?? 500) as 500)
    })
    const serve = getRequestListener(app.fetch)
    return (request, response) => void serve(request, response)
  })
  return { ...made, passesTargets: false }
}

/** The test kit's application for Request and Response alone, as a route handler of Next or a server of Bun calls it. */
export function fetchApp(
  handlers: readonly Handler[],
  { mount = '', bodyParser }: StartOptions,
  errors: unknown[],
): (request: Request, ip: string | undefined) => Promise<Response> {
  const middlewares = handlers.map((handler) => forFetch(asPlugin(handler))())

  function app(request: Request): Response {
    const path = new URL(request.url).pathname
    const id = itemOf(path, mount)
    if (request.method === 'GET' && id !== undefined) return Response.json({ id })
    const echoes = request.method === 'POST' && path === `${mount}/echo`
    return echoes ? new Response(request.body) : new Response(null, { status: 404 })
  }

  return async (request, ip) => {
    const rawBody = bodyParser && (await request.text())
    const context = bodyParser === 'text' ? { ip, rawBody } : { ip }
    let next: (request: Request) => Response | Promise<Response> = app
    for (const middleware of middlewares.toReversed()) {
      const inner = next
      next = (given) => middleware(given, context, inner)
    }
    try {
      return await next(request)
    } catch (error) {
      errors.push(error)
      return new Response(null, { status: (error as { status?: number }).status ?? 500 })
    }
  }
}

function bareFetch(name: string): Framework {
  const made = framework(name, false, (handlers, options, errors) => {
    const app = fetchApp(handlers, options, errors)
    const serve = getRequestListener((request, env) =>
      app(request, (env as HttpBindings).incoming.socket?.remoteAddress),
    )
    return (request, response) => void serve(request, response)
  })
  return { ...made, knowsConnections: false, passesTargets: false }
}

function express(name: string, make: typeof express5): Framework {
  return framework(name, true, (handlers, { mount = '/', bodyParser, trustProxy = false }, errors) => {
    const app = make()
    app.set('trust proxy', trustProxy ? 1 : false)
    app.set('env', 'test')
    const router = make.Router()
    if (bodyParser === 'text') router.use(make.text())
    if (bodyParser === 'json') router.use(make.json())
    for (const handler of handlers) router.use(forExpress(asPlugin(handler))())
    router.get('/items/:id', (request, response) => void response.json({ id: request.params['id'] }))
    router.post('/echo', (request, response) => void request.pipe(response))
    app.use(mount, router)
    const note: ErrorRequestHandler = (error, _request, _response, next) => {
      errors.push(error)
      next(error)
    }
    app.use(note)
    return app
  })
}

function koa(name: string, Make: typeof Koa3): Framework {
  return framework(name, true, (handlers, { mount = '', bodyParser, trustProxy = false }, errors) => {
    const app = new Make({ proxy: trustProxy, maxIpsCount: 1 })
    app.on('error', (error) => errors.push(error))
    if (bodyParser) {
      app.use(async (context, next) => {
        Object.assign(context.request, { body: parse(bodyParser, await readText(context.req)) })
        await next()
      })
    }
    for (const handler of handlers) app.use(forKoa(asPlugin(handler))())
    app.use(async (context) => {
      const id = itemOf(context.path, mount)
      if (context.method === 'GET' && id !== undefined) {
        // As @koa/router leaves it.
        context['_matchedRoute'] = `${mount}/items/:id`
        context.body = { id }
      } else if (context.method === 'POST' && context.path === `${mount}/echo`) {
        context.body = context.req
      }
    })
    const callback = app.callback()
    return (request, response) => void callback(request, response)
  })
}

function node(name: string): Framework {
  return framework(name, false, nodeApp)
}

/** The test kit's application on plain node:http; it serves HTTP/2 as well. */
export function nodeApp(
  handlers: readonly Handler[],
  { mount = '', bodyParser }: StartOptions,
  errors: unknown[],
): RequestListener {
  const middlewares = handlers.map((handler) => forNode(asPlugin(handler))())

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (bodyParser) Object.assign(request, { body: parse(bodyParser, await readText(request)) })
    for (const middleware of middlewares) if (!(await middleware(request, response))) return
    const path = request.url?.split('?')[0] ?? ''
    const id = itemOf(path, mount)
    if (request.method === 'GET' && id !== undefined) {
      response.end(JSON.stringify({ id }))
    } else if (request.method === 'POST' && path === `${mount}/echo`) {
      request.pipe(response)
    } else {
      response.statusCode = 404
      response.end()
    }
  }

  return (request, response) => {
    serve(request, response).catch((error: unknown) => {
      errors.push(error)
      response.statusCode = (error as { status?: number }).status ?? 500
      response.end()
    })
  }
}

export async function listen(app: RequestListener, errors: readonly unknown[]): Promise<TestServer> {
  const responses: ServerResponse[] = []
  const server = createServer((request, response) => {
    responses.push(response)
    app(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    errors,
    responses,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** Koa has no path for a target such as '?q'. */
function itemOf(path: string | null, mount: string): string | undefined {
  const prefix = `${mount}/items/`
  return path?.startsWith(prefix) ? path.slice(prefix.length) : undefined
}

async function readText(request: IncomingMessage): Promise<string> {
  let text = ''
  request.setEncoding('utf8')
  for await (const chunk of request) text += String(chunk)
  return text
}

function parse(parser: 'text' | 'json', text: string): unknown {
  return parser === 'text' ? text : JSON.parse(text)
}
