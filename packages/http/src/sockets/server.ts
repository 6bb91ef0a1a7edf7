import { IncomingMessage, Server, ServerResponse } from 'node:http'
import { Server as SecureServer } from 'node:https'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

import { invalid, reportFault } from '@penknife/core/internal'
import { type WebSocket, WebSocketServer } from 'ws'

import type { Reply, StreamReply } from '../answer.ts'
import { problem } from '../problem.ts'
import { MAX_FRAME } from './client.ts'
import { SUBPROTOCOL } from './frames.ts'
import type { UpgradingServer } from './upgrading-server.ts'
import { type UpgradeRequest, upgradeRequest } from './upgrade.ts'
import { serveWithoutUpgrade, wantsWebSocket } from './without-upgrade.ts'

/** A client before its upgrade. */
export interface Arrival {
  /** Decides about a request. Returns the reply to a client that is refused, 'answered' if it was answered already. */
  admit(asked: UpgradeRequest): Promise<Reply | StreamReply | 'answered' | undefined>
  /** The request became a WebSocket. */
  begin(webSocket: WebSocket, socket: Socket, asked: UpgradeRequest): void
  /** The request was refused, or failed. */
  drop(): void
}

export interface SocketServer {
  attach(server: UpgradingServer): () => void
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void>
  /** Serves no server any more. */
  detach(): void
}

/** What requests a middleware serves. */
export interface SocketRoute {
  /** The middleware, for errors. */
  readonly name: string
  /** Its option `path`. */
  readonly path: string
  /** A path that it serves. */
  readonly sample: string
  serves(path: string): boolean
}

/** Turns upgrade requests into WebSockets. Never rejects: failures are answered and reported. */
export function createSocketServer(route: SocketRoute, arrive: () => Arrival): SocketServer {
  /** The response of every request that became a WebSocket. */
  const upgraded = new ServerResponse(new IncomingMessage(new Socket()))
  const handshakes = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MAX_FRAME,
    maxFragments: 64,
    autoPong: false,
    handleProtocols: () => SUBPROTOCOL,
  })

  const attached = new Map<UpgradingServer, () => void>()

  async function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const asked = upgradeRequest(request, socket)
    if (!asked) return
    const arrival = arrive()
    try {
      const refused = await arrival.admit(asked)
      if (refused === undefined) {
        asked.release(upgraded)
        let begun = false
        handshakes.handleUpgrade(request, socket, head, (webSocket) => {
          begun = true
          arrival.begin(webSocket, socket as Socket, asked)
        })
        // Else ws answered: the request was no proper handshake.
        if (begun) return
      } else if (refused !== 'answered') asked.refuse(refused)
    } catch (error) {
      reportFault('an upgrade to a WebSocket failed', error)
      if (asked.response.headersSent) socket.destroy()
      else asked.refuse(problem(500))
    }
    arrival.drop()
  }

  function attach(server: UpgradingServer): () => void {
    const before = attached.get(server)
    if (before) return before
    const routes = routesOf.get(server) ?? []
    if (routes.some((other) => other.serves(route.sample))) {
      // Both would answer, which ends every connection.
      throw invalid(
        `${route.name} path`,
        route.path,
        'another middleware serves it on this server: close that one first, or give another path',
      )
    }
    const listener = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
      const [path = ''] = (request.url ?? '').split('?')
      const mine = route.serves(path)
      if (!mine && !isUnclaimed(server, path, route)) return
      if (isServer(server) && !wantsWebSocket(request)) serveWithoutUpgrade(server, request, socket, head)
      else if (mine) void upgrade(request, socket, head)
      else upgradeRequest(request, socket)?.refuse(problem(404))
    }
    routesOf.set(server, routes)
    routes.push(route)
    server.on('upgrade', listener)
    const detachOne = (): void => {
      if (attached.get(server) !== detachOne) return
      attached.delete(server)
      routes.splice(routes.indexOf(route), 1)
      server.off('upgrade', listener)
    }
    attached.set(server, detachOne)
    return detachOne
  }

  function detach(): void {
    for (const detachOne of attached.values()) detachOne()
  }

  return { upgrade, attach, detach }
}

function isServer(server: UpgradingServer): server is Server {
  return server instanceof Server || server instanceof SecureServer
}

/** What middlewares of this package serve on a server. */
const routesOf = new WeakMap<UpgradingServer, SocketRoute[]>()

/** Whether nothing serves the path, and this listener is the one to say so. */
function isUnclaimed(server: UpgradingServer, path: string, mine: SocketRoute): boolean {
  const routes = routesOf.get(server) ?? []
  if (server.listenerCount('upgrade') > routes.length) return false
  return routes[0] === mine && !routes.some((route) => route.serves(path))
}
