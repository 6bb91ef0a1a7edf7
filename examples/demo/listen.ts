import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

const HOST = '127.0.0.1'
const ATTEMPTS = 20

/** Listens on the requested port, or on the first free one from the default on. Returns the port. */
export async function listen(server: Server, asked: string | undefined, preferred: number): Promise<number> {
  const port = asked === undefined ? preferred : Number(asked)
  if (asked?.trim() === '' || !Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new Error(`--port ${asked}: give a whole number from 0 (any free port) to 65535`)
  }
  const last = asked === undefined ? port + ATTEMPTS - 1 : port
  for (let candidate = port; ; candidate++) {
    try {
      server.listen(candidate, HOST)
      await once(server, 'listening')
      return (server.address() as AddressInfo).port
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
      if (candidate === last) throw new Error(`port ${candidate} is taken: try --port 0`, { cause: error })
    }
  }
}
