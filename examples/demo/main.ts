/** The demo: `pnpm demo`, with `--koa` for Koa instead of Express and `--port N` for another port. */
import { createServer, type RequestListener } from 'node:http'
import { parseArgs } from 'node:util'

import { Redis } from 'ioredis'

import { createDemo } from './app.ts'
import { createExpressApp } from './express.ts'
import { createKoaApp } from './koa.ts'
import { listen } from './listen.ts'
import { type DemoRedis, startDemoRedis } from './redis.ts'

const DEFAULT_PORT = 3000

const { values } = readArguments()

const ownUrl = process.env['PENKNIFE_REDIS_URL']

// The port first, because the data folder of a private Redis is named after it.
let handle: RequestListener = (_request, response) =>
  void response.writeHead(503, { 'Retry-After': '1' }).end('The demo is starting.')
const server = createServer((request, response) => handle(request, response))
const port = await listen(server, values.port, DEFAULT_PORT).catch((error: Error) => {
  console.error(`penknife: ${error.message}`)
  return process.exit(1)
})
if (values.port === undefined && port !== DEFAULT_PORT) {
  console.log(`penknife: port ${DEFAULT_PORT} is taken by another program, so the demo uses ${port}.`)
}

if (!ownUrl) console.log('penknife: starting a private Redis …')
const privateRedis: DemoRedis | undefined = ownUrl ? undefined : await startDemoRedis(port)
const url = ownUrl || (privateRedis as DemoRedis).server.url

// The demo's own commands (names, badges) fail soon while Redis is away, as those of penknife do.
const redis = new Redis(url, { maxRetriesPerRequest: 1, commandTimeout: 1000, retryStrategy: () => 500 })
redis.on('error', () => {})

const demo = createDemo(redis, privateRedis)
const app = values.koa ? createKoaApp(demo) : createExpressApp(demo)
handle = app.listener

console.log(`
  penknife's demo, on ${values.koa ? 'Koa' : 'Express'}

    Page    http://127.0.0.1:${port}
            Open it in several browsers at once.

    Redis   ${
      privateRedis
        ? `${url}, private${privateRedis.resumed ? ', with the scores of the demo that was killed' : ''}.
            Ctrl-C removes it and its data. PENKNIFE_REDIS_URL=redis://… uses yours.
    Try     kill -STOP ${privateRedis.server.pid}   freezes Redis, and kill -CONT ${privateRedis.server.pid} wakes it.
            kill -9 ${privateRedis.server.pid}      kills Redis; a button on the page starts it again.
            kill -9 ${process.pid}      kills the demo; start it again, and every page goes on where it was.`
        : `${withoutPassword(url)}, from PENKNIFE_REDIS_URL.
    Try     kill -9 ${process.pid} and start again: every page goes on where it was.`
    }

  Ctrl-C stops everything.
`)

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    // A second Ctrl-C does not wait; a private Redis ends anyway. (tsx may pass on a signal twice.)
    process.once(signal, () => {
      privateRedis?.removeData()
      process.exit(1)
    })
    void stop().then(() => process.exit(0))
  })
}

async function stop(): Promise<void> {
  server.close()
  await app.close()
  server.closeAllConnections()
  await demo.close()
  redis.disconnect()
  await privateRedis?.stop()
}

function withoutPassword(address: string): string {
  return address.replace(/\/\/[^@/]*@/, '//…@')
}

function readArguments(): { values: { koa: boolean; port?: string } } {
  try {
    return parseArgs({ options: { koa: { type: 'boolean', default: false }, port: { type: 'string' } } })
  } catch (error) {
    console.error(`penknife: ${(error as Error).message}\n\nusage: pnpm demo [--koa] [--port N]`)
    return process.exit(1)
  }
}
