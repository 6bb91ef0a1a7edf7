import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'

import { createAdapter } from '@socket.io/redis-adapter'
import { Redis } from 'ioredis'
import { Server as SocketIo } from 'socket.io'
import { type WebSocket, WebSocketServer } from 'ws'

import { pattern } from '../harness/connections.ts'
import { coreOf, type Library, socketsOf } from '../harness/library.ts'
import type { SocketSide } from './task.ts'

/** Each reads events from Redis and sends them to the WebSockets of their channel. */
export const socketServers: Readonly<
  Record<SocketSide, (server: Server, url: string, library: Library) => Promise<void>>
> = {
  async 'penknife sockets'(server, url, library) {
    const { connect, createNotifier } = await coreOf(library)
    const { notificationSockets } = await socketsOf(library)
    const notifier = createNotifier(connect(pattern(url, library)).space('bench'), 'main')
    notificationSockets(notifier, { authorize: () => true, heartbeat: '10m', stall: '10m' }).attach(server)
  },

  /** As in the examples of ws: `send` to every client of the channel. */
  async ws(server, url) {
    const channels = new Map<string, Set<WebSocket>>()
    const subscriber = new Redis(url)
    subscriber.on('message', (name: string, message: string) => {
      for (const socket of channels.get(name) ?? []) socket.send(message)
    })
    const sockets = new WebSocketServer({ noServer: true })
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      sockets.handleUpgrade(request, socket, head, (webSocket) => {
        const name = new URL(request.url as string, 'ws://bench').searchParams.get('channel') as string
        let clients = channels.get(name)
        if (!clients) {
          clients = new Set()
          channels.set(name, clients)
          void subscriber.subscribe(name)
        }
        clients.add(webSocket)
        webSocket.send('{}')
      })
    })
  },

  /** As in its documentation for several servers: rooms, and the adapter for Redis. */
  async 'socket.io'(server, url) {
    const io = new SocketIo(server, {
      transports: ['websocket'],
      adapter: createAdapter(new Redis(url), new Redis(url)),
      pingInterval: 600_000,
    })
    io.on('connection', (socket) => void socket.join(String(socket.handshake.query['channel'])))
  },
}
