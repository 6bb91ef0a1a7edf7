/** The server of the Express case. It is forked with a ServerTask, sends its port, and on request its CPU time. */
import type { AddressInfo } from 'node:net'

import express, { type RequestHandler } from 'express'
import { rateLimit } from 'express-rate-limit'
import { RedisStore, type RedisReply } from 'rate-limit-redis'
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'

import { connection, pattern } from '../harness/connections.ts'
import { coreOf, expressOf } from '../harness/library.ts'
import type { Guard, ServerTask } from './express.ts'

const task = JSON.parse(process.argv[2] as string) as ServerTask

/** Each set up as in its own documentation. */
const guards: Readonly<Record<Guard, (task: ServerTask) => Promise<RequestHandler> | RequestHandler>> = {
  none: () => (_request, _response, next) => next(),
  'a turn': () => (_request, _response, next) => void setImmediate(next),
  async penknife({ library, url, limit, windowMs }) {
    const { connect, createRateLimiter } = await coreOf(library)
    const { rateLimit: penknife } = await expressOf(library)
    const limiter = createRateLimiter(connect(pattern(url, library)).space('bench'), 'http', {
      rules: [{ name: 'day', limit, window: windowMs }],
      whenUnavailable: 'throw',
      // Redis answers every request, as for the peers.
      denyCache: false,
      deadline: '5s',
    })
    return penknife(limiter)
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
if (task.guard !== 'none') app.use(await guards[task.guard](task))
app.get('/', (_request, response) => void response.send('hello'))

const server = app.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send?.(user + system)
})
process.on('disconnect', () => process.exit())
