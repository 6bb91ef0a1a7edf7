/** The server of `http.fastify`. It is forked with a ServerTask, sends its port, and on request its CPU time. */
import rateLimit from '@fastify/rate-limit'
import { fastify, type FastifyInstance } from 'fastify'

import { connection } from '../harness/connections.ts'
import { fastifyOf } from '../harness/library.ts'
import { limiterOf, listening, task } from './server.ts'
import type { ServerTask } from './served.ts'

/** Each set up as in its own documentation. */
const guards: Readonly<Record<string, (app: FastifyInstance, task: ServerTask) => unknown>> = {
  'a tick': (app) => app.addHook('onRequest', (_request, _reply, done) => void setImmediate(done)),
  async penknife(app, given) {
    const { mount, rateLimit: penknife } = await fastifyOf(given.library)
    await app.register(mount([penknife(await limiterOf(given))]))
  },
  async '@fastify/rate-limit'(app, { url, setup, limit, windowMs }) {
    await app.register(rateLimit, { max: limit, timeWindow: windowMs, redis: await connection(url, setup) })
  },
}

// The load is the one proxy.
const app: FastifyInstance = fastify({ trustProxy: '127.0.0.1' })
await guards[task.guard]?.(app, task)
app.get('/', (_request, reply) => reply.send('hello'))
await app.listen({ port: 0, host: '127.0.0.1' })
listening(app.server)
