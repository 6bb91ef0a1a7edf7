/** Loaded before a snippet of the documentation: points it at the test's Redis and at a free port. */
import { Server } from 'node:net'

import { Redis } from 'ioredis'

Object.assign(Reflect.get(Redis, 'defaultOptions') as object, {
  port: Number(process.env['SNIPPET_REDIS_PORT']),
})

process.env['REDIS_URL'] = `redis://127.0.0.1:${process.env['SNIPPET_REDIS_PORT']}`

const listen = Reflect.get(Server.prototype, 'listen') as (...args: unknown[]) => Server
Reflect.set(Server.prototype, 'listen', function (this: Server, ...args: unknown[]): Server {
  if (typeof args[0] === 'number') args[0] = 0
  // Not those of the kit for tests, which chooses its ports.
  else if (typeof args[0] === 'object' && args[0] !== null && 'port' in args[0] && args[0].port === 3000)
    args[0] = { ...args[0], port: 0 }
  this.once('listening', () => console.log(`listening on ${(this.address() as { port: number }).port}`))
  return listen.apply(this, args)
})
