import { type RequestListener } from 'node:http'
import { fileURLToPath } from 'node:url'

import { idempotent as forExpress } from '@penknife/express'
import { call } from '@penknife/http/testkit'
import { idempotent as forKoa } from '@penknife/koa'
import compression from 'compression'
import express from 'express'
import express4 from 'express4'
import Koa from 'koa'
import compress from 'koa-compress'
import { describe, expect, test } from 'vitest'

import { useFeatures } from '../setup.ts'
import { KEY } from './kit.ts'
import { listen, post, tenant } from './native.ts'

const features = useFeatures()

describe('with compression', () => {
  const page = 'x'.repeat(5000)
  const apps: Readonly<Record<string, () => RequestListener>> = {
    'above it in Express': () => {
      const app = express()
      app.use(compression({ threshold: 0 }), forExpress(features.space, { tenant }))
      return app.post('/orders', (_request, response) => void response.send(page))
    },
    'below it in Express': () => {
      const app = express()
      app.use(forExpress(features.space, { tenant }), compression({ threshold: 0 }))
      return app.post('/orders', (_request, response) => void response.send(page))
    },
    'above it in Koa': () => koa((app, once) => app.use(compress({ threshold: 0 })).use(once)),
    'below it in Koa': () => koa((app, once) => app.use(once).use(compress({ threshold: 0 }))),
  }

  function koa(mount: (app: Koa, once: ReturnType<typeof forKoa>) => void): RequestListener {
    const app = new Koa()
    mount(app, forKoa(features.space, { tenant }))
    app.use((context) => void (context.body = page))
    const callback = app.callback()
    return (request, response) => void callback(request, response)
  }

  test.each(Object.entries(apps))('%s the replay is the page', async (_name, app) => {
    const url = await listen(app())
    for (const replayed of [null, 'true']) {
      const answer = await fetch(`${url}/orders`, {
        method: 'POST',
        headers: { 'Idempotency-Key': KEY, 'Accept-Encoding': 'gzip' },
      })
      expect(answer.headers.get('idempotent-replayed')).toBe(replayed)
      expect(answer.headers.get('content-encoding')).toBe('gzip')
      expect(await answer.text()).toBe(page)
    }
  })
})

test.each([
  ['Express 5', express],
  ['Express 4', express4],
])('below express.json() of %s it takes the bytes that `verify` kept', async (_name, make) => {
  const app = make()
  app.use(
    make.json({
      verify: (request, _response, bytes) => {
        Object.assign(request, { rawBody: bytes })
      },
    }),
    forExpress(features.space, { tenant }),
  )
  app.post('/orders', (request, response) => void response.json({ sku: request.body.sku }))
  const url = await listen(app)
  const type = { 'Content-Type': 'application/json' }
  expect((await post(url, type)).text).toBe('{"sku":7}')
  expect((await post(url, type)).headers['idempotent-replayed']).toBe('true')
  const other = await call(`${url}/orders`, {
    method: 'POST',
    body: '{"sku":8}',
    headers: { 'Idempotency-Key': KEY, ...type },
  })
  expect(other.status).toBe(422)
})

test('a file that Express sends is replayed', async () => {
  const app = express()
  const file = fileURLToPath(import.meta.url)
  app.post('/orders', forExpress(features.space, { tenant }), (_request, response) => response.sendFile(file))
  const url = await listen(app)
  const [first, second] = [await post(url), await post(url)]
  expect(first.text).toContain('a file that Express sends is replayed')
  expect([second.text, second.headers['content-type'], second.headers['idempotent-replayed']]).toEqual([
    first.text,
    first.headers['content-type'],
    'true',
  ])
})

test('a tenant gets no response of another, whatever text its name has', async () => {
  const app = express()
  app.use(forExpress(features.space, { tenant: ({ headers }) => String(headers['x-user']) }))
  app.post('/orders', (request, response) => void response.send(`for ${String(request.headers['x-user'])}`))
  const url = await listen(app)
  for (const user of ['ann', 'ben', 'ann","POST', '{ann}', 'x'.repeat(2000)]) {
    expect((await post(url, { 'X-User': user })).text).toBe(`for ${user}`)
  }
})
