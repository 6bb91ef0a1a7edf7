/** The server of `http.hono`. It is forked with a ServerTask, sends its port, and on request its CPU time. */
import type { Server } from 'node:http'

import { serve } from '@hono/node-server'
import { type Context, Hono, type MiddlewareHandler } from 'hono'
import { rateLimiter, RedisStore } from 'hono-rate-limiter'
import type { Redis } from 'ioredis'

import { connection } from '../harness/connections.ts'
import { honoOf } from '../harness/library.ts'
import { limiterOf, listening, task } from './server.ts'
import type { ServerTask } from './served.ts'

/** The one proxy's entry, as penknife's forwardedFor has it. */
const proxied = ({ req }: Context): string => req.header('x-forwarded-for')?.split(',').at(-1)?.trim() ?? ''

/** ioredis with the methods that the store calls. */
function asClient(redis: Redis): ConstructorParameters<typeof RedisStore>[0]['client'] {
  return {
    scriptLoad: (script) => redis.script('LOAD', script) as Promise<string>,
    evalsha: (sha, keys, args) =>
      redis.evalsha(sha, keys.length, ...keys, ...(args as string[])) as Promise<never>,
    decr: (key) => redis.decr(key),
    del: (key) => redis.del(key),
  }
}

/** Each set up as in its own documentation. */
const guards: Readonly<Record<string, (task: ServerTask) => Promise<MiddlewareHandler[]>>> = {
  'a tick': async () => [
    async (_context, next) => {
      await new Promise(setImmediate)
      await next()
    },
  ],
  async penknife(given) {
    const { clientAddress, forwardedFor, rateLimit } = await honoOf(given.library)
    return [clientAddress(({ req }) => forwardedFor(req.raw)), rateLimit(await limiterOf(given))]
  },
  async 'hono-rate-limiter'({ url, setup, limit, windowMs }) {
    const store = new RedisStore({ client: asClient(await connection(url, setup)) })
    return [rateLimiter({ windowMs, limit, standardHeaders: 'draft-7', keyGenerator: proxied, store })]
  },
}

const app = new Hono()
for (const guard of (await guards[task.guard]?.(task)) ?? []) app.use(guard)
app.get('/', (context) => context.text('hello'))
listening(serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }) as Server)
