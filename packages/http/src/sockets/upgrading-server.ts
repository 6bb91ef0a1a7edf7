import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'

/** A server of node:http, or anything that emits its 'upgrade' event. */
export interface UpgradingServer {
  on(event: 'upgrade', listener: (request: IncomingMessage, socket: Duplex, head: Buffer) => void): unknown
  off(event: 'upgrade', listener: (request: IncomingMessage, socket: Duplex, head: Buffer) => void): unknown
  listenerCount(event: 'upgrade'): number
}
