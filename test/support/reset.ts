import { once } from 'node:events'
import { connect } from 'node:net'

/** Sends a request on a connection that is reset as soon as it was sent. */
export async function sendAndReset(url: string): Promise<void> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  await once(socket, 'connect')
  await new Promise<void>((resolve) =>
    socket.write('GET /items/7 HTTP/1.1\r\nHost: test\r\n\r\n', () => resolve()),
  )
  socket.resetAndDestroy()
}
