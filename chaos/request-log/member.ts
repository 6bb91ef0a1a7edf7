// A process with an Express and a Koa server that log mixed traffic of its own; it records how many requests they got.
import '../harness/ends-with-parent.ts'
import { createServer, request as send, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

import { connect } from '@penknife/core'
import { logErrors, requestLog } from '@penknife/express'
import { requestLog as forKoa } from '@penknife/koa'
import express from 'express'
import { Redis } from 'ioredis'
import Koa from 'koa'

import { openJournal } from '../harness/journal.ts'
import { createRandom } from '../harness/random.ts'
import { LOG, type MemberConfig, type MemberLife, type MemberRecord, RETAIN, SPACE } from './plan.ts'

const config = JSON.parse(process.argv[2] ?? '') as MemberConfig & MemberLife
const journal = openJournal<MemberRecord>(config.folder, config.life)
const random = createRandom(config.seed + process.pid)
const penknife = connect(new Redis(config.url, { lazyConnect: true }), { deadline: 500 })
const space = penknife.space(SPACE)
const lost = [0, 0]
let received = 0

function options(at: number) {
  return {
    retain: RETAIN,
    maxPending: config.maxPending,
    onError: (_error: unknown, sofar: number) => (lost[at] = sofar),
  }
}

const expressLog = requestLog(space, LOG, options(0))
const app = express()
app.set('env', 'test')
app.use(expressLog)
app.get('/items/:id', (request, response) => void response.send(request.params.id))
app.get('/fail', () => {
  throw new Error('on purpose')
})
app.get('/stream', (_request, response) => {
  response.write('one')
  setTimeout(() => response.end('two'), 5)
})
app.get('/never', () => {})
app.post('/echo', (request, response) => void request.pipe(response))
app.use(logErrors)

const koaLog = forKoa(space, LOG, options(1))
const koa = new Koa()
koa.silent = true
koa.use(koaLog)
koa.use(async (context) => {
  if (context.path === '/fail') throw new Error('on purpose')
  if (context.path === '/never') await new Promise(() => {})
  context.body = context.method === 'POST' ? context.req : context.path
})
const callback = koa.callback()

async function listen(listener: RequestListener): Promise<Server> {
  const server = createServer((request, response) => {
    received += 1
    listener(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

/** One request of the mixed traffic. Resolves when it has ended, however. */
function one(port: number): Promise<void> {
  const kind = random.int(0, 11)
  const path = ['/fail', '/stream', '/never', '/echo'][kind] ?? `/items/${random.int(1, 1e6)}`
  const method = kind === 3 ? 'POST' : kind === 4 ? 'HEAD' : 'GET'
  return new Promise((resolve) => {
    const sent = send({ port, path, method }, (response) => response.resume())
    sent.on('error', () => {}).on('close', resolve)
    sent.end(kind === 3 ? 'x'.repeat(random.int(0, 5000)) : undefined)
    if (kind === 2 || kind === 5) setTimeout(() => sent.destroy(), random.int(1, 20))
  })
}

const servers = await Promise.all([
  listen(app),
  listen((request, response) => void callback(request, response)),
])
const closing = new AbortController()
const clients = servers.flatMap((server) =>
  [1, 2, 3].map(async () => {
    const { port } = server.address() as AddressInfo
    while (!closing.signal.aborted) {
      await one(port)
      if (config.pauseMs > 0) await delay(config.pauseMs)
    }
  }),
)

process.once('SIGTERM', () => {
  closing.abort()
  void Promise.all(clients)
    .then(() =>
      Promise.all(
        servers.map((server) => new Promise((resolve) => server.close(resolve).closeAllConnections())),
      ),
    )
    .then(() => Promise.all([expressLog, koaLog].map((log) => log.close({ deadline: '30s' }))))
    .then(() => penknife.close())
    .then(() => {
      journal.write({ k: 'end', received, lost: (lost[0] as number) + (lost[1] as number) })
      process.exit(0)
    })
})
journal.write({ k: 'born' })
