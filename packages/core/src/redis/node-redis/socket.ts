import diagnostics from 'node:diagnostics_channel'
import type { Socket } from 'node:net'

/** Where Node tells of each socket that it begins to connect, but not of those of TLS. */
const SOCKETS = 'net.client.socket'

/** Runs something that begins to connect, and returns the socket, which node-redis does not show; undefined for TLS. */
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

/** Ends a socket; resolves when the server has closed its end, too, or after a time. */
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
