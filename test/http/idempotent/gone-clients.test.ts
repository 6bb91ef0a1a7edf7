import { Readable } from 'node:stream'

import { idempotent as forExpress } from '@penknife/express'
import { begin } from '@penknife/http/testkit'
import { idempotent as forKoa } from '@penknife/koa'
import express from 'express'
import express4 from 'express4'
import Koa from 'koa'
import Koa2 from 'koa2'
import { describe, expect, test } from 'vitest'

import { deferred } from '../../support/deferred.ts'
import { until } from '../../support/until.ts'
import { useFeatures } from '../setup.ts'
import { KEY } from './kit.ts'
import { listen, post, tenant } from './native.ts'

const features = useFeatures()

describe.each([
  ['Koa 3', Koa],
  ['Koa 2', Koa2],
])('a client of %s that left', (_name, Make) => {
  const bodies: Readonly<Record<string, readonly [body: unknown, stored: string]>> = {
    text: ['paid', 'paid'],
    JSON: [{ paid: true }, '{"paid":true}'],
    bytes: [Buffer.from('paid'), 'paid'],
    nothing: [null, ''],
  }

  async function leave(
    once: ReturnType<typeof forKoa>,
    handle: (context: Koa.Context) => void,
  ): Promise<string> {
    const hold = deferred()
    const left = deferred()
    const app = new Make()
    app.silent = true
    app.use(once)
    let runs = 0
    app.use(async (context) => {
      if (++runs === 1) {
        context.res.on('close', () => left.resolve())
        await hold.promise
      }
      handle(context)
    })
    const callback = app.callback()
    const url = await listen((request, response) => void callback(request, response))
    const sent = begin(`${url}/orders`, {
      method: 'POST',
      body: '{"sku":7}',
      headers: { 'Idempotency-Key': KEY },
    })
    sent.on('error', () => {})
    await until('it runs', () => runs === 1)
    sent.destroy()
    await left.promise
    hold.resolve()
    return url
  }

  test.each(Object.entries(bodies))(
    'gets its response at a repetition: %s',
    async (_kind, [body, stored]) => {
      const url = await leave(forKoa(features.space, { tenant, wait: '10s' }), (context) => {
        context.status = 200
        context.body = body
      })
      const answer = await post(url)
      expect([answer.text, answer.headers['idempotent-replayed']]).toEqual([stored, 'true'])
    },
  )

  test('runs again at a repetition when the handler threw', async () => {
    let runs = 0
    const url = await leave(forKoa(features.space, { tenant, wait: '10s' }), (context) => {
      if (++runs === 1) throw new Error('on purpose')
      context.body = 'second'
    })
    expect((await post(url)).text).toBe('second')
  })

  test('with a stream as body runs again when the lease is over', async () => {
    const url = await leave(forKoa(features.space, { tenant, wait: '10s', lease: '1s' }), (context) => {
      context.body = Readable.from(['paid'])
    })
    expect(await post(url)).toMatchObject({ status: 200, text: 'paid' })
  })
})

test.each([
  ['Express 5', express],
  ['Express 4', express4],
])('a client of %s that left gets its response at a repetition', async (_name, make) => {
  const hold = deferred()
  const left = deferred()
  let runs = 0
  const app = make()
  app.post('/orders', forExpress(features.space, { tenant, wait: '10s' }), (_request, response) => {
    runs++
    response.on('close', () => left.resolve())
    void hold.promise.then(() => response.status(201).json({ paid: true }))
  })
  const url = await listen(app)
  const sent = begin(`${url}/orders`, {
    method: 'POST',
    body: '{"sku":7}',
    headers: { 'Idempotency-Key': KEY },
  })
  sent.on('error', () => {})
  await until('it runs', () => runs === 1)
  sent.destroy()
  await left.promise
  hold.resolve()
  expect(await post(url)).toMatchObject({ status: 201, text: '{"paid":true}' })
  expect(runs).toBe(1)
})
