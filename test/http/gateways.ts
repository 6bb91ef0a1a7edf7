import { type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { connect, createServer as createHttp2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'

import type { AdapterUnderTest } from '@penknife/http/testkit'
import { inject } from 'light-my-request'
import serverless from 'serverless-http'

import { type Framework, listen, nodeApp } from './frameworks.ts'

/**
 * Servers that the test kit cannot call itself, because its client speaks HTTP/1.1: each is behind a small server that translates.
 */

/** node:http2, behind a proxy that passes on parts, ends and breaks. */
export const http2: AdapterUnderTest = {
  name: 'node:http2',
  knowsRoutes: false,
  knowsProxies: false,
  knowsConnections: false,
  passesTargets: false,
  async start(handlers, options = {}) {
    const errors: unknown[] = []
    const app = nodeApp(handlers, options, errors)
    // The compatibility API's objects do what those of HTTP/1 do, but are not declared so.
    const server = createHttp2Server((request, response) => app(request as never, response as never))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    const front = await listen((request, response) => forward(session, request, response), errors)
    return {
      ...front,
      async close() {
        session.destroy()
        await front.close()
        await new Promise<void>((resolve) => server.close(() => resolve()))
      },
    }
  },
}

/** Headers of a connection, which HTTP/2 has not. */
const HOP = new Set(['connection', 'host', 'keep-alive', 'transfer-encoding', 'upgrade'])

function forward(
  session: ReturnType<typeof connect>,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !HOP.has(name)))
  const stream = session.request(
    { ...headers, ':method': request.method, ':path': request.url },
    {
      endStream:
        request.headers['content-length'] === undefined && request.headers['transfer-encoding'] === undefined,
    },
  )
  stream.on('response', ({ ':status': status = 500, ...given }) => {
    response.writeHead(
      status,
      Object.fromEntries(Object.entries(given).filter(([name]) => !name.startsWith(':'))),
    )
    response.flushHeaders()
    stream.pipe(response, { end: false })
  })
  stream.on('error', () => response.destroy())
  stream.on('close', () => (stream.rstCode === 0 ? response.end() : response.destroy()))
  response.on('close', () => stream.close(response.writableFinished ? 0 : 8))
  if (!stream.writableEnded) request.pipe(stream)
}

type Ask = (listener: RequestListener, request: IncomingMessage, body: Buffer) => Promise<Answered>

interface Answered {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string | Buffer
}

export const asks: Readonly<Record<'light-my-request' | 'serverless-http', Ask>> = {
  async 'light-my-request'(listener, { method, url, headers, socket }, body) {
    const answered = await inject(listener, {
      method: method as 'GET',
      url: url ?? '/',
      headers: headers as Record<string, string>,
      payload: body,
      remoteAddress: socket.remoteAddress ?? '',
    })
    return { status: answered.statusCode, headers: answered.headers, body: answered.rawPayload }
  },
  async 'serverless-http'(listener, { method, url = '/', headers, socket }, body) {
    const [path, search = ''] = url.split('?')
    const event = {
      httpMethod: method,
      path,
      multiValueQueryStringParameters: valuesOf(search),
      headers,
      body: body.toString(),
      requestContext: { identity: { sourceIp: socket.remoteAddress } },
    }
    const answered = (await serverless(listener)(event, {})) as {
      statusCode: number
      headers: Record<string, unknown>
      multiValueHeaders?: Record<string, unknown>
      body: string
      isBase64Encoded: boolean
    }
    return {
      status: answered.statusCode,
      headers: { ...answered.headers, ...answered.multiValueHeaders },
      body: Buffer.from(answered.body, answered.isBase64Encoded ? 'base64' : 'utf8'),
    }
  },
}

function valuesOf(search: string): Record<string, string[]> {
  const values: Record<string, string[]> = {}
  for (const [name, value] of new URLSearchParams(search)) (values[name] ??= []).push(value)
  return values
}

/** A framework's application in a process, without a server. */
export function inProcess(framework: Framework, server: keyof typeof asks): AdapterUnderTest {
  return {
    ...framework,
    name: `${framework.name} under ${server}`,
    wholeMessages: true,
    passesTargets: false,
    knowsProxies: false,
    start(handlers, options = {}) {
      const errors: unknown[] = []
      const listener = framework.listener(handlers, options, errors)
      async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
        const chunks: Buffer[] = []
        for await (const chunk of request) chunks.push(chunk as Buffer)
        const body = Buffer.concat(chunks)
        const answered = await asks[server](listener, request, body)
        const headers = Object.entries(answered.headers).filter(([name]) => !HOP.has(name))
        response.writeHead(answered.status, Object.fromEntries(headers) as Record<string, string>)
        response.end(answered.body)
      }
      return listen((request, response) => {
        serve(request, response).catch((error: unknown) => response.destroy(error as Error))
      }, errors)
    },
  }
}
