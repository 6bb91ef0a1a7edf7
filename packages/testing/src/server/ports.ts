import { createServer } from 'node:net'

// Below every system's range for outgoing connections: a client that reconnects to a killed server's port
// could otherwise be given that very port and connect to itself.
const FIRST = 12_000
const COUNT = 10_000
const OF_A_WORKER = 1_000

/** The distance from a node's port to its cluster bus. */
export const busOffset = 10_000

const ATTEMPTS = 5
let next: number | undefined

/**
 * Calls `start` with a port of 127.0.0.1 on which (and on its bus, if asked) nothing listens, and once more with another one
 * when somebody took it meanwhile.
 */
export async function onFreePort<T>(withBus: boolean, start: (port: number) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort(withBus)
    try {
      return await start(port)
    } catch (error) {
      if (attempt === ATTEMPTS || !/EADDRINUSE|Address already in use/.test(String(error))) throw error
    }
  }
}

/**
 * A port of 127.0.0.1 (and its bus, if asked) that nothing listens on; it may be taken by the time of use. One after the other, so
 * that a port of a server that is stopped for a while is not given out soon. Test processes of one run use different ports.
 */
export async function freePort(withBus: boolean): Promise<number> {
  const worker = Number(process.env['VITEST_POOL_ID'] ?? process.env['JEST_WORKER_ID'])
  const [first, count] = worker >= 1 ? [(worker * OF_A_WORKER) % COUNT, OF_A_WORKER] : [0, COUNT]
  next ??= Math.floor(Math.random() * count)
  for (let attempt = 0; attempt < count; attempt++) {
    const port = FIRST + first + (next++ % count)
    if ((await isFree(port)) && (!withBus || (await isFree(port + busOffset)))) return port
  }
  throw new Error(`no free port between ${FIRST + first} and ${FIRST + first + count - 1} on 127.0.0.1`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}
