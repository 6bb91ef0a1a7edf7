import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

import { notifications } from '@penknife/express'
import { open } from '@penknife/http/testkit'
import { notifications as koaNotifications } from '@penknife/koa'
import compression from 'compression'
import { EventSource } from 'eventsource'
import express from 'express'
import Koa from 'koa'
import compress from 'koa-compress'
import { describe, expect, onTestFinished, test } from 'vitest'

import { until } from '../support/until.ts'
import { useFeatures } from './setup.ts'

const features = useFeatures()

const apps = {
  'Express behind compression': () => {
    const app = express()
    app.use(compression({ threshold: 0 }))
    app.get('/live', notifications(features.notifier(), { channels: ['room'] }))
    app.get('/page', (_request, response) => void response.send('x'.repeat(5000)))
    return app
  },
  'Koa behind koa-compress': () => {
    const app = new Koa()
    app.use(compress({ threshold: 0 }))
    const live = koaNotifications(features.notifier(), { channels: ['room'] })
    app.use(async (context, next) => {
      if (context.path === '/live') return live(context, next)
      context.body = 'x'.repeat(5000)
      return undefined
    })
    return app.callback()
  },
}

describe.each(Object.entries(apps))('%s', (_, app) => {
  async function serve() {
    const server = createServer(app() as never)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      server.close()
      server.closeAllConnections()
    })
    return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
  }

  test('pages are compressed, and events are sent uncompressed and at once', async () => {
    const { url } = await serve()
    const headers = { 'accept-encoding': 'gzip' }
    const page = await open(`${url}/page`, { headers })
    expect(page.headers['content-encoding']).toBe('gzip')
    page.destroy()
    const live = await open(`${url}/live`, { headers })
    expect(live.headers['content-encoding']).toBeUndefined()
    let text = ''
    live.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
    live.on('error', () => {})
    onTestFinished(() => void live.destroy())
    await until('a position', () => text.includes('id: '))
    for (let at = 0; at < 3; at++) {
      await features.notifier().publish('room', `event ${at}`)
      await until(`event ${at}`, () => text.includes(`event ${at}`))
    }
  })

  test('an EventSource whose connection is cut repeatedly gets every event once and in order', async () => {
    const { server, url } = await serve()
    const seen: number[] = []
    const source = new EventSource(`${url}/live`)
    onTestFinished(() => source.close())
    source.addEventListener('count', ({ data }) => {
      seen.push((JSON.parse(String(data)) as { data: number }).data)
    })
    // A position without an event is sent first. A client that is cut before it starts anew.
    await until('it is open', () => source.readyState === source.OPEN)
    await features.notifier().publish('room', 0, { type: 'count' })
    await until('the first', () => seen.length > 0)
    for (let at = 1; at <= 40; at++) {
      await features.notifier().publish('room', at, { type: 'count' })
      if (at % 20 === 0) server.closeAllConnections()
    }
    await until('all came', () => seen.length >= 41)
    expect(seen).toEqual(Array.from({ length: 41 }, (__, at) => at))
  })
})
