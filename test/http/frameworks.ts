import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

import { adapt as forExpress } from '@penknife/express'
import { adapt as forNode, definePlugin, type Handler, type Plugin } from '@penknife/http'
import type { AdapterUnderTest, RunningServer, StartOptions } from '@penknife/http/testkit'
import { adapt as forKoa } from '@penknife/koa'
import express5, { type ErrorRequestHandler } from 'express'
import express4 from 'express4'
import Koa3 from 'koa'
import Koa2 from 'koa2'

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
}

/** Each framework with its adapter; the suite's other tests use them as the test kit does. */
export const frameworks: readonly Framework[] = [
  express('Express 5', express5),
  express('Express 4', express4),
  koa('Koa 3', Koa3),
  koa('Koa 2', Koa2),
  node('node:http'),
]

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

async function listen(app: RequestListener, errors: readonly unknown[]): Promise<RunningServer> {
  const server = createServer(app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    errors,
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
