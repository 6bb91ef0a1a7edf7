/**
 * Charges once for each Idempotency-Key: a server for each framework, whose address it prints. It prints a line for each step, and
 * `charges:<order>` in Redis counts the charges. A charge waits until `go:<order>` exists. With HOLD, responses that were stored are never sent.
 */
import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

import { connect } from '@penknife/core'
import { idempotent as forExpress } from '@penknife/express'
import { idempotent as forNode } from '@penknife/http'
import { idempotent as forKoa } from '@penknife/koa'
import express from 'express'
import { Redis } from 'ioredis'
import Koa from 'koa'

import { pattern } from '../../../scripts/redis/clients.ts'

const { REDIS = '', HOLD, LEASE = '2s' } = process.env
const raw = new Redis(REDIS)
const space = connect(pattern(REDIS)).space('test')
const options = { tenant: () => 'ann', lease: LEASE as '2s' } as const

async function charge(order: string): Promise<string> {
  const nth = await raw.incr(`charges:${order}`)
  console.log(`charging ${order}`)
  while (!(await raw.exists(`go:${order}`))) await delay(5)
  return `charge ${nth} by ${process.pid}`
}

/** Replaces a process that dies between the storing and the sending. */
function holdBack(response: ServerResponse): void {
  if (!HOLD) return
  response.end = ((): ServerResponse => {
    console.log('stored')
    return response
  }) as never
}

const apps: Readonly<Record<string, () => RequestListener>> = {
  express() {
    const app = express()
    app.use((_request, response, next) => (holdBack(response), next()))
    app.post('/orders/:id', forExpress(space, options), async (request, response) => {
      response.send(await charge(request.params['id']))
    })
    return app
  },
  koa() {
    const app = new Koa()
    app.use((context, next) => (holdBack(context.res), next()))
    app.use(forKoa(space, options))
    app.use(async (context) => {
      context.body = await charge(context.path.slice('/orders/'.length))
    })
    const callback = app.callback()
    return (request, response) => void callback(request, response)
  },
  node() {
    const once = forNode(space, options)
    return (request, response) => {
      holdBack(response)
      void once(request, response).then(async (passed) => {
        if (passed) response.end(await charge((request.url ?? '').slice('/orders/'.length)))
      })
    }
  },
}

const addresses = Object.entries(apps).map(async ([framework, app]) => {
  const server = createServer(app())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return [framework, `http://127.0.0.1:${(server.address() as AddressInfo).port}`]
})
console.log(`serves ${JSON.stringify(Object.fromEntries(await Promise.all(addresses)))}`)
