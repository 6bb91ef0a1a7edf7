/** The server of the Express case. It is forked with a ServerTask, sends its port, and on request its CPU time. */
import express, { type RequestHandler } from 'express'
import { rateLimit } from 'express-rate-limit'
import { RedisStore, type RedisReply } from 'rate-limit-redis'
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'

import { connection } from '../harness/connections.ts'
import { expressOf } from '../harness/library.ts'
import { limiterOf, listening, task } from './server.ts'
import type { ServerTask } from './served.ts'

/** Each set up as in its own documentation. */
const guards: Readonly<Record<string, (task: ServerTask) => Promise<RequestHandler> | RequestHandler>> = {
  'a tick': () => (_request, _response, next) => void setImmediate(next),
  async penknife(given) {
    const { rateLimit: penknife } = await expressOf(given.library)
    return penknife(await limiterOf(given))
  },
  async 'express-rate-limit'({ url, setup, limit, windowMs }) {
    const redis = await connection(url, setup)
    return rateLimit({
      windowMs,
      limit,
      standardHeaders: 'draft-8',
      legacyHeaders: false,
      store: new RedisStore({
        sendCommand: (command: string, ...args: string[]) =>
          redis.call(command, ...args) as Promise<RedisReply>,
      }),
    })
  },
  async 'rate-limiter-flexible'({ url, setup, limit, windowMs }) {
    const limiter = new RateLimiterRedis({
      storeClient: await connection(url, setup, { enableOfflineQueue: false }),
      points: limit,
      duration: windowMs / 1000,
    })
    return (request, response, next) => {
      limiter.consume(request.ip ?? '').then(
        () => next(),
        (denied: unknown) => {
          if (denied instanceof RateLimiterRes) response.status(429).send('Too Many Requests')
          else next(denied)
        },
      )
    }
  },
}

const app = express()
app.set('trust proxy', 1)
const guard = guards[task.guard]
if (guard) app.use(await guard(task))
app.get('/', (_request, response) => void response.send('hello'))
listening(app.listen(0, '127.0.0.1'))
