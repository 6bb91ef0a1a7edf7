/**
 * A server of the fan-out cases, forked with a ServerTask. It sends its port, and on request its CPU time and memory.
 */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

import { createChannel, createSession } from 'better-sse'
import { Redis } from 'ioredis'

import { pattern } from '../harness/connections.ts'
import { coreOf, httpOf } from '../harness/library.ts'
import { socketServers } from './socket-servers.ts'
import { isSocketSide, type ServerReport, type ServerTask, type Side, type SocketSide } from './task.ts'

const { side, library, url, port } = JSON.parse(process.argv[2] as string) as ServerTask

/** Each reads events from Redis and sends them to the clients of `/<channel>`. */
const sides: Readonly<Record<Exclude<Side, SocketSide>, () => Promise<RequestListener> | RequestListener>> = {
  async penknife() {
    const { connect, createNotifier } = await coreOf(library)
    const { notifications } = await httpOf(library)
    const notifier = createNotifier(connect(pattern(url, library)).space('bench'), 'main')
    const serve = notifications(notifier, {
      channels: (exchange) => [exchange.path.slice(1)],
      heartbeat: '10m',
      stall: '10m',
    })
    return (request, response) => void serve(request, response)
  },

  /** Set up as in its documentation for events of several processes, with ioredis for pub/sub. */
  'better-sse'() {
    const channels = new Map<string, ReturnType<typeof createChannel>>()
    const subscriber = new Redis(url)
    subscriber.on('message', (name: string, message: string) =>
      channels.get(name)?.broadcast(JSON.parse(message), 'message'),
    )
    async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
      const name = (request.url as string).slice(1)
      const session = await createSession(request, response, { keepAlive: null })
      let channel = channels.get(name)
      if (!channel) {
        channel = createChannel()
        channels.set(name, channel)
        await subscriber.subscribe(name)
      }
      channel.register(session)
    }
    return (request, response) => void serve(request, response)
  },

  /** The least work: all events of a tick are one chunk, written to each socket. */
  raw() {
    const channels = new Map<string, { readonly clients: Set<ServerResponse>; waiting: string }>()
    let due: string[] = []
    const subscriber = new Redis(url)
    subscriber.on('message', (name: string, message: string) => {
      const channel = channels.get(name)
      if (!channel) return
      if (channel.waiting === '' && due.push(name) === 1) setImmediate(flush)
      channel.waiting += `id: 1\nevent: message\ndata: ${message}\n\n`
    })
    function flush(): void {
      const names = due
      due = []
      for (const name of names) {
        const channel = channels.get(name)
        if (!channel) continue
        const chunk = Buffer.from(channel.waiting)
        channel.waiting = ''
        for (const client of channel.clients) client.write(chunk)
      }
    }
    return (request, response) => {
      const name = (request.url as string).slice(1)
      response.writeHead(200, { 'Content-Type': 'text/event-stream' })
      response.flushHeaders()
      let channel = channels.get(name)
      if (!channel) {
        channel = { clients: new Set(), waiting: '' }
        channels.set(name, channel)
        void subscriber.subscribe(name)
      }
      channel.clients.add(response)
    }
  },
}

const server = isSocketSide(side) ? createServer() : createServer(await sides[side]())
if (isSocketSide(side)) await socketServers[side](server, url, library)
server.listen(port, '127.0.0.1', 20_000, () => process.send?.((server.address() as AddressInfo).port))
process.on('message', () => {
  globalThis.gc?.()
  const { user, system } = process.cpuUsage()
  const { rss, heapUsed, external } = process.memoryUsage()
  const report: ServerReport = { cpuUs: user + system, rss, retained: heapUsed + external }
  process.send?.(report)
})
process.on('disconnect', () => process.exit())
