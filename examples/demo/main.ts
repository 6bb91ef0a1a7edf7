/** The demo: `pnpm demo`, with `--koa` for Koa instead of Express and `--port N` for another port. */
import { createServer } from 'node:http'
import { parseArgs } from 'node:util'

import { Redis } from 'ioredis'

import { type PrivateRedis, startRedis } from '../../scripts/redis/server.ts'
import { createDemo } from './app.ts'
import { createExpressApp } from './express.ts'
import { createKoaApp } from './koa.ts'
import { listen } from './listen.ts'

const DEFAULT_PORT = 3000

const { values } = readArguments()

const ownUrl = process.env['PENKNIFE_REDIS_URL']
if (!ownUrl) console.log('penknife: starting a private Redis …')
const privateRedis: PrivateRedis | undefined = ownUrl ? undefined : await startRedis({ persist: true })
const url = ownUrl || (privateRedis as PrivateRedis).url

// The demo's own commands (names, badges) fail soon while Redis is away, as penknife's do.
const redis = new Redis(url, { maxRetriesPerRequest: 1, commandTimeout: 1000, retryStrategy: () => 500 })
redis.on('error', () => {})

const demo = createDemo(redis)
const app = values.koa ? createKoaApp(demo) : createExpressApp(demo)
const server = createServer(app.listener)
const port = await listen(server, values.port, DEFAULT_PORT).catch(async (error: Error) => {
  console.error(`penknife: ${error.message}`)
  await stop()
  return process.exit(1)
})

console.log(`
  penknife's demo, on ${values.koa ? 'Koa' : 'Express'}

    Page    http://127.0.0.1:${port}
            Open it in several browsers at once.

    Redis   ${
      privateRedis
        ? `${url}, private: it ends with the demo, and what it holds with it.
            PENKNIFE_REDIS_URL=redis://… uses yours and keeps it all.
    Try     kill -STOP ${privateRedis.pid}   freezes Redis, and kill -CONT ${privateRedis.pid} wakes it.`
        : `${withoutPassword(url)}, from PENKNIFE_REDIS_URL.
    Try     kill -9 ${process.pid} and start again: every page goes on where it was.`
    }

  Ctrl-C stops everything.
`)

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    // A second Ctrl-C does not wait for anything; a private Redis ends all the same.
    process.once(signal, () => process.exit(1))
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
