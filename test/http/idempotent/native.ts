import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline, Readable } from 'node:stream'

import type { Space } from '@penknife/core'
import { idempotent } from '@penknife/http'
import { call, type Called } from '@penknife/http/testkit'
import { onTestFinished } from 'vitest'

import { KEY } from './kit.ts'

export const tenant = (): string => 'ann'

export async function listen(app: RequestListener): Promise<string> {
  const server = createServer(app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

export function post(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Called> {
  return call(`${url}/orders`, {
    method: 'POST',
    body: '{"sku":7}',
    headers: { 'Idempotency-Key': KEY, ...headers },
  })
}

/** A handler of node:http behind the middleware. */
export function nodeApp(
  space: Space,
  handle: (request: IncomingMessage, response: ServerResponse) => unknown,
  middleware = idempotent(space, { tenant }),
): RequestListener {
  return (request, response) =>
    void middleware(request, response).then((passed) => passed && handle(request, response))
}

export const writers: Readonly<Record<string, (response: ServerResponse) => void>> = {
  'writeHead with an object': (response) =>
    response.writeHead(201, { 'content-type': 'text/x', etag: '"e"' }).end('one two'),
  'writeHead with a reason and a list': (response) =>
    response.writeHead(201, 'Made', ['Content-Type', 'text/x', 'ETag', '"e"'] as never).end('one two'),
  'several writes': (response) => {
    response.statusCode = 201
    response.setHeader('Content-Type', 'text/x')
    response.setHeader('ETag', '"e"')
    response.write('one')
    response.write(Buffer.from(' '), () => setImmediate(() => response.end('dHdv', 'base64')))
  },
  'a pipe': (response) => {
    response.writeHead(201, { 'Content-Type': 'text/x', ETag: '"e"' })
    Readable.from(['one', ' ', 'two']).pipe(response)
  },
  'pipeline()': (response) => {
    response.writeHead(201, { 'Content-Type': 'text/x', ETag: '"e"' })
    pipeline(Readable.from(['one', ' ', 'two']), response, (error) => {
      if (error) response.destroy(error)
    })
  },
  'an end that is called twice': (response) => {
    response.writeHead(201, { 'Content-Type': 'text/x', ETag: '"e"' }).end('one two')
    response.write('three')
    response.end('four')
  },
}
