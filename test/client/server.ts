import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

import type { Notifier } from '@penknife/core'
import { type Exchange, notifications, type NotificationViews } from '@penknife/http'
import { notificationSockets } from '@penknife/http/websocket'
import { onTestFinished } from 'vitest'

export interface LiveServer {
  readonly url: string
  /** Requests for event streams so far, and upgrades. */
  readonly asked: { streams: number; upgrades: number }
  /** Cuts every connection without a farewell. */
  cut(): void
  /** Ends with farewells, or as a process that is killed. */
  stop(how: 'closed' | 'killed'): Promise<void>
  start(): Promise<void>
}

export interface LiveServerOptions {
  /** Whether WebSockets get through. Default: true. */
  readonly webSockets?: boolean
  readonly perUser?: number
  readonly getState?: (channel: string) => unknown
  readonly start?: 'oldest'
  readonly views?: NotificationViews
  readonly renew?: (exchange: unknown, token: string) => Promise<boolean>
  readonly other?: (request: IncomingMessage, response: ServerResponse) => void
}

/** A server of /live and /events that can be stopped, and started again on its port. */
export async function serveLive(
  notifier: () => Notifier,
  options: LiveServerOptions = {},
): Promise<LiveServer> {
  const { webSockets = true, perUser, getState, start: begin, views, renew, other } = options
  const asked = { streams: 0, upgrades: 0 }
  const common = {
    user: ({ query }: Exchange) => query.get('user') ?? undefined,
    authorize: (_: Exchange, channels: readonly string[]) =>
      channels.filter((channel) => !channel.startsWith('secret')),
    retry: 50,
    ...(perUser === undefined ? {} : { perUser }),
    ...(getState ? { getState } : {}),
    ...(begin ? { start: begin } : {}),
    ...(views ? { views } : {}),
  }
  const connections = new Set<Socket>()
  let port = 0
  let end: (how: 'closed' | 'killed') => Promise<void> = async () => {}

  async function start(): Promise<void> {
    const events = notifications(notifier(), {
      ...common,
      channels: ({ query }) => query.getAll('channel'),
    })
    const sockets = notificationSockets(notifier(), { ...common, ...(renew ? { renew } : {}) })
    const server = createServer((request, response) => {
      if (!request.url?.startsWith('/events')) return other ? other(request, response) : response.end()
      asked.streams += 1
      return void events(request, response)
    })
    if (webSockets) {
      server.on('upgrade', () => (asked.upgrades += 1))
      sockets.attach(server)
    }
    server.on('connection', (socket) => {
      connections.add(socket)
      socket.once('close', () => connections.delete(socket))
    })
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    ;({ port } = server.address() as AddressInfo)
    end = async (how) => {
      const closed = new Promise((resolve) => server.close(resolve))
      if (how === 'closed') await Promise.all([events.close(), sockets.close()])
      for (const socket of connections) socket.resetAndDestroy()
      await closed
      await Promise.all([events.close(), sockets.close()])
    }
  }

  await start()
  onTestFinished(() => end('killed'))
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    cut() {
      for (const socket of connections) socket.resetAndDestroy()
    },
    stop: (how) => end(how),
    start,
  }
}
