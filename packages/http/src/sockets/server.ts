import { IncomingMessage, Server, ServerResponse } from 'node:http'
import { Server as SecureServer } from 'node:https'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

import { reportFault } from '@penknife/core/internal'
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

/**
 * Turns upgrade requests into WebSockets. Never rejects: failures are answered and reported.
 *
 * @param serves whether a path is one of this middleware
 */
export function createSocketServer(serves: (path: string) => boolean, arrive: () => Arrival): SocketServer {
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

  const attached = new Set<() => void>()

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
    const listener = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
      const [path = ''] = (request.url ?? '').split('?')
      const mine = serves(path)
      if (!mine && !isUnclaimed(server, path, serves)) return
      if (isServer(server) && !wantsWebSocket(request)) serveWithoutUpgrade(server, request, socket, head)
      else if (mine) void upgrade(request, socket, head)
      else upgradeRequest(request, socket)?.refuse(problem(404))
    }
    const routes = routesOf.get(server) ?? []
    routesOf.set(server, routes)
    routes.push(serves)
    server.on('upgrade', listener)
    const detachOne = (): void => {
      if (!attached.delete(detachOne)) return
      routes.splice(routes.indexOf(serves), 1)
      server.off('upgrade', listener)
    }
    attached.add(detachOne)
    return detachOne
  }

  function detach(): void {
    for (const detachOne of attached) detachOne()
  }

  return { upgrade, attach, detach }
}

function isServer(server: UpgradingServer): server is Server {
  return server instanceof Server || server instanceof SecureServer
}

/** The paths that middlewares of this package serve on a server. */
const routesOf = new WeakMap<UpgradingServer, ((path: string) => boolean)[]>()

/** Whether nothing serves the path, and this listener is the one to say so. */
function isUnclaimed(server: UpgradingServer, path: string, mine: (path: string) => boolean): boolean {
  const routes = routesOf.get(server) ?? []
  if (server.listenerCount('upgrade') > routes.length) return false
  return routes[0] === mine && !routes.some((serves) => serves(path))
}
