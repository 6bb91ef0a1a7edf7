import diagnostics from 'node:diagnostics_channel'
import type { Socket } from 'node:net'

/** The channel on which Node reports each socket that begins to connect, except TLS sockets. */
const SOCKETS = 'net.client.socket'

/**
 * Runs a function that begins to connect, and returns its socket, which node-redis does not expose. Undefined for
 * TLS.
 */
export function socketOf(connect: () => void): Socket | undefined {
  let found: Socket | undefined
  const onSocket = (message: unknown): void => {
    found = (message as { socket: Socket }).socket
  }
  diagnostics.subscribe(SOCKETS, onSocket)
  try {
    connect()
  } finally {
    diagnostics.unsubscribe(SOCKETS, onSocket)
  }
  return found
}

/** Ends a socket. Resolves when the server has closed its end too, or after a time. */
export function endSocket(socket: Socket, ms: number): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) return resolve()
    const timer = setTimeout(resolve, ms)
    socket.once('close', () => {
      clearTimeout(timer)
      resolve()
    })
    socket.end()
  })
}
