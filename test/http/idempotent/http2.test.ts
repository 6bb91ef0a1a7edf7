import { type IncomingMessage, type ServerResponse } from 'node:http'
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'

import { idempotent as forNode } from '@penknife/http'
import inject from 'light-my-request'
import { describe, expect, onTestFinished, test } from 'vitest'

import { deferred } from '../../support/deferred.ts'
import { until } from '../../support/until.ts'
import { useFeatures } from '../setup.ts'
import { KEY } from './kit.ts'
import { nodeApp, tenant, writers } from './native.ts'

const features = useFeatures()

describe('on HTTP/2', () => {
  async function serve(handle: (request: IncomingMessage, response: ServerResponse) => void) {
    const app = nodeApp(features.space, handle, forNode(features.space, { tenant, wait: '10s' }))
    const server = createHttp2Server((request, response) => app(request as never, response as never))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const session = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    onTestFinished(() => {
      session.destroy()
      server.close()
    })
    const open = () => {
      const stream = session.request({ ':path': '/orders', ':method': 'POST', 'idempotency-key': KEY })
      stream.on('error', () => {})
      stream.end('{"sku":7}')
      return stream
    }
    return {
      open,
      async post() {
        const stream = open()
        let headers: Record<string, unknown> = {}
        stream.on('response', (found) => (headers = found))
        let text = ''
        stream.setEncoding('utf8')
        for await (const chunk of stream) text += String(chunk)
        return {
          status: headers[':status'],
          type: headers['content-type'],
          text,
          replayed: headers['idempotent-replayed'],
        }
      },
    }
  }

  test.each(Object.entries(writers).filter(([name]) => !name.includes('reason')))(
    'a response of %s is sent and replayed whole',
    async (_kind, write) => {
      const server = await serve((_request, response) => write(response))
      expect(await server.post()).toEqual({
        status: 201,
        type: 'text/x',
        text: 'one two',
        replayed: undefined,
      })
      expect(await server.post()).toEqual({ status: 201, type: 'text/x', text: 'one two', replayed: 'true' })
    },
  )

  test('a client that resets its stream gets the response at a repetition', async () => {
    const hold = deferred()
    const left = deferred()
    let runs = 0
    const server = await serve((_request, response) => {
      runs++
      response.on('close', () => left.resolve())
      void hold.promise.then(() => response.writeHead(201, { 'Content-Type': 'text/x' }).end('paid'))
    })
    const stream = server.open()
    await until('it runs', () => runs === 1)
    stream.close(8)
    await left.promise
    hold.resolve()
    expect(await server.post()).toEqual({ status: 201, type: 'text/x', text: 'paid', replayed: 'true' })
    expect(runs).toBe(1)
  })
})

test('in-process requests (light-my-request) are stored and replayed', async () => {
  const app = nodeApp(features.space, (_request, response) =>
    response.writeHead(201, { 'Content-Type': 'text/x' }).end('paid'),
  )
  const send = () =>
    inject(app, {
      method: 'POST',
      url: '/orders',
      payload: 'x',
      headers: { 'Idempotency-Key': KEY },
    })
  const first = await send()
  const second = await send()
  expect([first.statusCode, first.body, second.body]).toEqual([201, 'paid', 'paid'])
  expect(second.headers['idempotent-replayed']).toBe('true')
})
