// A process that serves events to clients with one of the adapters, and records its memory and connections.
import '../harness/ends-with-parent.ts'
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createHttp2Server, type Http2Server } from 'node:http2'
import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

import { live } from '@penknife/core'
import { notifications as forExpress } from '@penknife/express'
import { type Exchange, notifications as forNode } from '@penknife/http'
import { notificationSockets } from '@penknife/http/websocket'
import { notifications as forKoa } from '@penknife/koa'
import express from 'express'
import Koa from 'koa'

import { openJournal } from '../harness/journal.ts'
import { openBoard, TOP } from './board.ts'
import { openNotifier } from './open.ts'
import { type RedisLife, SECRET, type ServerConfig } from './plan.ts'
import type { ServerRecord } from './records.ts'

const config = JSON.parse(process.argv[2] ?? '') as RedisLife & ServerConfig
const { kind, port } = config
const journal = openJournal<ServerRecord>(config.folder, config.life)
process.on('warning', ({ message }) => journal.write({ k: 'warning', text: message }))
const { penknife, notifier } = openNotifier(config)

const options = {
  channels: ({ query }: Exchange): readonly string[] => query.getAll('channel'),
  authorize: (_: Exchange, channels: readonly string[]): boolean => !channels.includes(SECRET),
  retry: 300,
  heartbeat: 1000,
  stall: 3000,
  views: { top: live(openBoard(penknife), { top: TOP, every: 30, tick: '1s' }) },
}

// Chromium's page comes from another port.
const OPEN_TO_ALL = { 'Access-Control-Allow-Origin': '*' }

interface Serving {
  readonly server: Server | Http2Server
  close(): Promise<void>
}

function serve(): Serving {
  if (kind === 'express') {
    const events = forExpress(notifier, options)
    const app = express()
    app.get(
      '/events',
      (_, response, next) => {
        response.set(OPEN_TO_ALL)
        next()
      },
      events,
    )
    return { server: createServer(app), close: () => events.close() }
  }
  if (kind === 'koa') {
    const events = forKoa(notifier, options)
    const app = new Koa()
    // Koa emits an error for a disconnected client, and prints it if there is no listener.
    app.on('error', ({ message }: Error) => journal.write({ k: 'warning', text: `Koa: ${message}` }))
    app.use(async (context, next) => {
      context.set(OPEN_TO_ALL)
      await events(context, next)
    })
    const handle = app.callback()
    return {
      server: createServer((request, response) => void handle(request, response)),
      close: () => events.close(),
    }
  }
  const events = forNode(notifier, options)
  if (kind === 'http2') {
    return {
      server: createHttp2Server((request, response) => void events(request, response)),
      close: () => events.close(),
    }
  }
  const listener: RequestListener = (request, response) => {
    for (const [name, value] of Object.entries(OPEN_TO_ALL)) response.setHeader(name, value)
    void events(request, response)
  }
  return { server: createServer(listener), close: () => events.close() }
}

const { server, close } = serve()
const { channels: _, ...rights } = options
const webSockets = notificationSockets(notifier, rights)
if (kind !== 'http2') webSockets.attach(server)
const sockets = new Set<Socket>()
server.on('connection', (socket: Socket) => {
  sockets.add(socket)
  socket.once('close', () => sockets.delete(socket))
})
for (;;) {
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening')
    break
  } catch {
    await delay(50)
  }
}

setInterval(() => journal.write({ k: 'memory', rss: process.memoryUsage.rss() }), 500).unref()

process.once('SIGTERM', () => {
  journal.write({ k: 'closing' })
  setTimeout(() => {
    journal.write({ k: 'stuck' })
    process.exit(3)
  }, 8000).unref()
  const listening = new Promise((resolve) => server.close(resolve))
  void Promise.all([close(), webSockets.close()])
    .then(() => {
      // Idle connections, and those of vanished clients, would delay the end of the server.
      for (const socket of sockets) socket.destroy()
      return listening
    })
    .then(() => penknife.close())
    .then(() => journal.write({ k: 'closed' }))
})
