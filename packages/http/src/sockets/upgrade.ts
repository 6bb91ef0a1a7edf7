import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

import { PASS, type Reply, send, type StreamReply } from '../answer.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { moveExchange } from '../exchange/http-exchange.ts'
import { exchangeOf, type NodeContext } from '../node.ts'
import { problem } from '../problem.ts'

/** A request to upgrade, with a response for when it is refused. */
export interface UpgradeRequest {
  readonly exchange: Exchange<NodeContext>
  readonly response: ServerResponse
  /** Whether the client left, or will send nothing more. */
  readonly left: boolean
  /** Answers the request instead, and ends its connection. */
  refuse(reply: Reply | StreamReply): void
  /** Gives the socket back, for the upgrade. The exchange has `upgraded` as its response from then on. */
  release(upgraded: ServerResponse): void
}

/** Undefined, and the connection ends, if the response to an earlier request of the connection is not complete. */
export function upgradeRequest(request: IncomingMessage, socket: Duplex): UpgradeRequest | undefined {
  // Node has removed its own listener. Without one, a reset by the client would end the process.
  socket.on('error', ignore)
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  try {
    response.assignSocket(socket as never)
  } catch {
    socket.destroy()
    return undefined
  }
  response.once('finish', () => socket.end())
  const exchange = exchangeOf({ request, response })
  return {
    exchange,
    response,
    get left() {
      return !socket.readable || !socket.writable
    },
    refuse: (reply) => send(exchange, reply),
    release(upgraded) {
      response.detachSocket(socket as never)
      // The connection keeps its exchange, and a response for each would cost more memory than the exchange itself.
      moveExchange(exchange, { request, response: upgraded })
    },
  }
}

/** Refuses what is no upgrade to a protocol that the server speaks. */
export function checkUpgrade(exchange: Exchange, protocol: string): 'pass' | Reply {
  if (exchange.method !== 'GET') return problem(405, { headers: { Allow: 'GET' } })
  if (exchange.header('upgrade')?.toLowerCase() !== 'websocket') {
    return problem(426, { headers: { Upgrade: 'websocket' }, detail: 'This address is for WebSockets.' })
  }
  const offered = exchange.header('sec-websocket-protocol')?.split(',') ?? []
  if (!offered.some((name) => name.trim() === protocol)) {
    return problem(400, { detail: `Offer the subprotocol ${protocol}.` })
  }
  return PASS
}

function ignore(): void {}
