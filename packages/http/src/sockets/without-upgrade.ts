import { type IncomingMessage, type Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

const DROPPED = new Set(['upgrade', 'connection', 'http2-settings'])

/** Whether the client asks for a WebSocket, and not for another protocol such as h2c. */
export function wantsWebSocket({ headers }: IncomingMessage): boolean {
  return (headers.upgrade ?? '').split(',').some((name) => name.trim().toLowerCase() === 'websocket')
}

/**
 * Serves a request as if it had no `Upgrade` header, which a server may ignore (RFC 9110, 7.8). Java's HttpClient and `curl --http2` send
 * `Upgrade: h2c` with usual requests; once a server has an 'upgrade' listener, Node gives them to no other one.
 *
 * It gives the request back to the server as the beginning of a connection, because Node parses no body of an upgrade. The connection
 * ends if the response to an earlier request of it is not complete.
 */
export function serveWithoutUpgrade(
  server: Server,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  try {
    // It throws if another response has the socket.
    const response = new ServerResponse(request)
    response.assignSocket(socket as never)
    response.detachSocket(socket as never)
  } catch {
    socket.destroy()
    return
  }
  const { method, url, httpVersion, rawHeaders, headers } = request
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (!DROPPED.has((rawHeaders[at] as string).toLowerCase()))
      lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`)
  }
  if (/\bclose\b/i.test(headers.connection ?? '')) lines.push('Connection: close')
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]))
  server.emit('encrypted' in socket ? 'secureConnection' : 'connection', socket)
}
