import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

import { getRequestListener } from '@hono/node-server'
import { createStream, type Penknife } from '@penknife/core'
import { dashboard as forExpress } from '@penknife/dashboard/express'
import { dashboard as forFastify } from '@penknife/dashboard/fastify'
import { dashboard as forFetch } from '@penknife/dashboard/fetch'
import { dashboard as forKoa } from '@penknife/dashboard/koa'
import { dashboard as forNode } from '@penknife/dashboard/node'
import { mount } from '@penknife/fastify'
import compression from 'compression'
import express5 from 'express'
import express4 from 'express4'
import { fastify } from 'fastify'
import Koa from 'koa'
import mountKoa from 'koa-mount'
import Koa2 from 'koa2'
import { expect, onTestFinished, test } from 'vitest'

import { openReady } from '../support/connect.ts'
import { callsOf, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { ACTION, startDashboard } from './support.ts'

const bench = useRedis()

/** An application with a dashboard for everybody at `/admin/tools`, and what ends the dashboard. */
interface Made {
  readonly listener: RequestListener
  readonly close: () => Promise<void>
}

const authorize = (): { user: string; role: 'operate' } => ({ user: 'ann', role: 'operate' })
const path = '/admin/tools'

function express(framework: typeof express5, parses: boolean): (penknife: Penknife) => Made {
  return (penknife) => {
    const app = framework()
    if (parses) app.use(compression({ threshold: 0 }), framework.json())
    const serve = forExpress(penknife, { authorize })
    // It finds its path itself.
    const admin = framework.Router()
    admin.use('/tools', serve)
    app.use('/admin', admin)
    app.use((_request, response) => void response.status(418).end())
    return { listener: app, close: () => serve.close({ deadline: 2000 }) }
  }
}

/** Mounted by `mounts`, which the dashboard finds out itself; otherwise it is given its path. */
function koa(
  Framework: typeof Koa,
  mounts?: (serve: Koa.Middleware) => Koa.Middleware,
): (penknife: Penknife) => Made {
  return (penknife) => {
    const app = new Framework()
    const serve = forKoa(penknife, mounts ? { authorize } : { authorize, path })
    app.use(mounts ? mounts(serve as Koa.Middleware) : serve).use((context) => void (context.status = 418))
    const listener = app.callback()
    return {
      listener: (request, response) => void listener(request, response),
      close: () => serve.close({ deadline: 2000 }),
    }
  }
}

const frameworks: Readonly<Record<string, (penknife: Penknife) => Made | Promise<Made>>> = {
  'Express 5': express(express5, false),
  'Express 5 with a body parser and compression': express(express5, true),
  'Express 4': express(express4, false),
  'Koa 3': koa(Koa),
  'Koa 2': koa(Koa2),
  'Koa 3 with koa-mount': koa(Koa, (serve) => mountKoa(path, serve)),
  'Koa 2 with koa-mount': koa(Koa2, (serve) => mountKoa(path, serve)),
  'Koa 3 with koa-mount in koa-mount': koa(Koa, (serve) => mountKoa('/admin', mountKoa('/tools', serve))),
  'node:http': (penknife) => {
    const serve = forNode(penknife, { authorize, path })
    return {
      listener: (request, response) =>
        void serve(request, response).then((continues) => continues && response.writeHead(418).end()),
      close: () => serve.close({ deadline: 2000 }),
    }
  },
  Fastify: async (penknife) => {
    const app = fastify()
    const serve = forFastify(penknife, { authorize, path })
    await app.register(mount([serve]))
    app.setNotFoundHandler((_request, reply) => reply.code(418).send())
    await app.ready()
    return {
      listener: (request, response) => app.routing(request, response),
      close: () => serve.close({ deadline: 2000 }),
    }
  },
  'a fetch server': (penknife) => {
    const serve = forFetch(penknife, { authorize, path })
    const listener = getRequestListener((request: Request) =>
      serve(request, {}, () => new Response(null, { status: 418 })),
    )
    return {
      listener: (request, response) => void listener(request, response),
      close: () => serve.close({ deadline: 2000 }),
    }
  },
}

async function listen(listener: RequestListener): Promise<{ server: Server; url: string }> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}` }
}

/** Collects the events of a stream. */
async function follow(url: string, headers: Record<string, string> = {}): Promise<Events> {
  const leaving = new AbortController()
  const response = await fetch(url, { headers, signal: leaving.signal })
  const events: { event: string; data: unknown }[] = []
  let ended = false
  const read = async (): Promise<void> => {
    let text = ''
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += Buffer.from(chunk).toString('utf8')
      const blocks = text.split('\n\n')
      text = blocks.pop() ?? ''
      for (const block of blocks) {
        const [, event, data] = /^event: (.*)\ndata: (.*)$/.exec(block) ?? []
        if (event !== undefined) events.push({ event, data: JSON.parse(data ?? 'null') as unknown })
      }
    }
  }
  read()
    .catch(() => {})
    .finally(() => (ended = true))
  return {
    status: response.status,
    events,
    isEnded: () => ended,
    leave: () => leaving.abort(),
  }
}

interface Events {
  readonly status: number
  readonly events: readonly { readonly event: string; readonly data: unknown }[]
  isEnded(): boolean
  leave(): void
}

test.each(Object.keys(frameworks))(
  'below any path of %s: the page, the API, actions, live events, and a close that ends them',
  async (name) => {
    const penknife = await openReady(bench.raw, { deadline: '30s' })
    const space = penknife.space('shop')
    createStream(space, 'orders', { groups: ['billing'] })
    await space.runtime.registered()
    const { listener, close } = await (frameworks[name] as (penknife: Penknife) => Made | Promise<Made>)(
      penknife,
    )
    const { url } = await listen(listener)
    const redirect = await fetch(url, { redirect: 'manual' })
    expect([redirect.status, redirect.headers.get('location')]).toEqual([308, './tools/'])
    const page = await fetch(`${url}/`)
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
    expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'/)
    expect(await (await fetch(`${url}/api/session`)).json()).toMatchObject({ user: 'ann' })
    const act = await fetch(`${url}/api/stream.pause`, {
      method: 'POST',
      headers: ACTION,
      body: JSON.stringify({ space: 'shop', stream: 'orders', group: 'billing' }),
    })
    expect([act.status, await act.json()]).toMatchObject([200, { changed: true }])
    expect((await fetch(url.replace('/tools', '/other'))).status).toBe(418)
    const live = await follow(`${url}/api/live`)
    await until('the totals arrive', () => live.events.some(({ event }) => event === 'totals'))
    expect(live.events[0]).toMatchObject({ event: 'history' })
    await close()
    await until('it has ended', live.isEnded)
    expect(live.events.at(-1)).toEqual({ event: 'end', data: {} })
  },
)

test("with the path '/' it has a server for itself", async () => {
  const penknife = await openReady(bench.raw, { deadline: '30s' })
  const { url } = await startDashboard(penknife, { path: '/' })
  const root = new URL(url).origin
  const headers = { 'x-user': 'ann' }
  const answers = ['/', '/api/session', '/elsewhere', '//evil.example'].map(async (target) => {
    const { status, headers: sent } = await fetch(root + target, { headers, redirect: 'manual' })
    return [status, sent.get('content-type')?.split(';')[0]]
  })
  expect(await Promise.all(answers)).toEqual([
    [200, 'text/html'],
    [200, 'application/json'],
    [404, 'text/plain'],
    [404, 'text/plain'],
  ])
  expect((await fetch(`${root}/`)).status).toBe(404)
})

test('live pages share one reading, and are bounded in number', async () => {
  const penknife = await openReady(bench.raw, { deadline: '30s' })
  const space = penknife.space('shop')
  createStream(space, 'orders', { groups: ['billing'] })
  await space.runtime.registered()
  const { url } = await startDashboard(penknife, { maxLive: 3 })
  const user = { 'x-user': 'bob' }
  const readings = (): Promise<number> => callsOf(bench.raw, 'ping')
  const before = await readings()
  const pages = await Promise.all([1, 2, 3].map(() => follow(`${url}/api/live`, user)))
  expect((await follow(`${url}/api/live`, user)).status).toBe(429)
  const totals = ({ events }: Events): number => events.filter(({ event }) => event === 'totals').length
  await until('each has two readings', () => pages.every((each) => totals(each) >= 2))
  expect((await readings()) - before).toBeLessThanOrEqual(Math.max(...pages.map(totals)))
  for (const { leave } of pages) leave()
  // A place is free again once the server knows that a client left.
  await until('there is room', async () => {
    const again = await follow(`${url}/api/live`, user)
    again.leave()
    return again.status === 200
  })
})

test('a live stream has what its workers report: throughput, waits and runs, and their last events', async () => {
  const penknife = await openReady(bench.raw, { deadline: '30s' })
  const space = penknife.space('shop')
  const orders = createStream<number>(space, 'orders', { groups: ['billing'] })
  await space.runtime.registered()
  const { url } = await startDashboard(penknife)
  const user = { 'x-user': 'bob' }
  expect((await follow(`${url}/api/live-stream?space=shop&stream=none`, user)).status).toBe(404)
  const live = await follow(`${url}/api/live-stream?space=shop&stream=orders`, user)
  await until('it is watched', async () => (await bench.raw.keys('*watch*')).length > 0)
  const worker = orders.worker(
    'billing',
    async ({ payload }) => {
      if (payload === 3) throw new Error('no stock')
    },
    { maxAttempts: 1 },
  )
  worker.on(() => {})
  await until('all are counted', async () => {
    await orders.addMany([1, 2, 3])
    const state = live.events.at(-1)?.data as
      | { groups?: { done: number; dead: number }[]; answer?: { addedPerSecond: number } }
      | undefined
    const [group] = state?.groups ?? []
    const rates = state?.answer
    return group !== undefined && group.done >= 2 && group.dead >= 1 && (rates?.addedPerSecond ?? 0) > 0
  })
  await worker.close()
  const states = live.events.map(({ data }) => data as Record<string, unknown>)
  expect(states.at(-1)).toMatchObject({
    answer: { stream: { name: 'orders' } },
    groups: [
      {
        name: 'billing',
        wait: { p50: expect.any(Number) as number },
        run: { p95: expect.any(Number) as number },
      },
    ],
  })
  const kinds = states.flatMap(({ events }) => (events as { kind: string }[]).map(({ kind }) => kind))
  expect(kinds).toEqual(expect.arrayContaining(['started', 'done', 'failed', 'dead']))
})
