/**
 * Runs snippets of the documentation in one process, one at a time, because a process for each needs five times as long. Every snippet
 * has a database of its own. The answer to the name of a snippet is sent when it has ended, or when it listens on a port.
 */
import { Server } from 'node:net'

import { Redis } from 'ioredis'

interface Snippet {
  readonly path: string
  readonly db: number
  readonly isServer: boolean
}

export interface Answer {
  readonly error?: string
  readonly port?: number
}

const REDIS_PORT = Number(process.env['SNIPPET_REDIS_PORT'])
let listens: (port: number) => void = () => {}

const listen = Reflect.get(Server.prototype, 'listen') as (...args: unknown[]) => Server
Reflect.set(Server.prototype, 'listen', function (this: Server, ...args: unknown[]): Server {
  // That of the snippets. The kit for tests chooses its ports, and has to find out whether they are free.
  const [place] = args
  if (place === 3000) args[0] = 0
  else if (typeof place === 'object' && place !== null && 'port' in place && place.port === 3000)
    args[0] = { ...place, port: 0 }
  this.once('listening', () => listens((this.address() as { port: number }).port))
  return listen.apply(this, args)
})

async function run({ path, db, isServer }: Snippet): Promise<Answer> {
  Object.assign(Reflect.get(Redis, 'defaultOptions') as object, { port: REDIS_PORT, db })
  process.env['REDIS_URL'] = `redis://127.0.0.1:${REDIS_PORT}/${db}`
  const port = new Promise<number>((resolve) => (listens = resolve))
  const ended = import(path).then(() => undefined)
  if (!isServer) {
    await ended
    return {}
  }
  // A server whose program fails before it listens.
  return { port: await Promise.race([port, ended.then(() => port)]) }
}

process.on('message', (snippet: Snippet) => {
  run(snippet).then(
    (answer) => process.send?.(answer),
    (error: unknown) => process.send?.({ error: String(error instanceof Error ? error.stack : error) }),
  )
})
