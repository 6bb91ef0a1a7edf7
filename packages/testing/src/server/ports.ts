import { createServer } from 'node:net'

// Below every system's range for outgoing connections: a client that reconnects to a killed server's port
// could otherwise be given that very port and connect to itself.
const first = 12_000
const count = 10_000

/** The distance from a node's port to its cluster bus. */
export const busOffset = 10_000

/** A port of 127.0.0.1 (and its bus, if asked) that nothing listens on; it may be taken by the time of use. */
export async function freePort(withBus: boolean): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = first + Math.floor(Math.random() * count)
    if ((await isFree(port)) && (!withBus || (await isFree(port + busOffset)))) return port
  }
  throw new Error(`no free port between ${first} and ${first + count} on 127.0.0.1`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}
