import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

import { createAdapter } from '@socket.io/redis-adapter'
import { Redis } from 'ioredis'
import { Server as SocketIo } from 'socket.io'

import { pattern } from '../harness/connections.ts'
import { coreOf, type Library } from '../harness/library.ts'
import { installed } from '../harness/versions.ts'
import {
  channelOf,
  type ClientsOrder,
  type ClientsReport,
  type ClientsTask,
  eventOf,
  type ServerReport,
  type ServerTask,
  type Side,
} from './task.ts'

/** A contender: a build of penknife, or another library. */
export interface Player {
  readonly side: Side
  readonly library: Library
}

export function playersOf(libraries: readonly Library[]): readonly Player[] {
  const [thisBuild] = libraries as readonly [Library]
  return [
    ...libraries.map((library) => ({ side: 'penknife' as const, library })),
    { side: 'better-sse', library: thisBuild },
    { side: 'raw', library: thisBuild },
  ]
}

/** The contenders over WebSockets. */
export function socketPlayersOf(libraries: readonly Library[]): readonly Player[] {
  const [thisBuild] = libraries as readonly [Library]
  return [
    ...libraries.map((library) => ({ side: 'penknife sockets' as const, library })),
    { side: 'ws', library: thisBuild },
    { side: 'socket.io', library: thisBuild },
  ]
}

export function nameOf({ side, library }: Player): string {
  if (side === 'ws') return `${installed('ws')} + ioredis`
  if (side === 'socket.io') return `${installed('socket.io')} with its adapter for Redis`
  if (side === 'better-sse') return `${installed('better-sse')} + ioredis`
  return side === 'raw' ? 'raw, a shared chunk for each tick' : library.name
}

/** A contender's server, its connected clients and a publisher, each in a process of its own. */
export interface Stage {
  /** Publishes a different text to a channel. Resolves when Redis has it. */
  publish(channel: number, text?: string): Promise<unknown>
  /** Starts waiting for that many events at all clients together. */
  count(events: number): Promise<{ readonly done: Promise<ClientsReport> }>
  /** The server's usage since it started. */
  server(): Promise<ServerReport>
  /**
   * Kills the server, publishes so many events on each channel, starts it again, and lets all clients reconnect at
   * once.
   */
  restart(missed: number): Promise<Restarted>
  close(): Promise<void>
}

export interface Restarted {
  /** Waits until every client has a response and, if the contender supports resuming, every event that it missed. */
  readonly ms: number
  readonly cpuUs: number
}

export interface StageOptions {
  readonly url: string
  readonly player: Player
  readonly connections: number
  readonly channels: number
  /** Further connections that read nothing. Default: 0. */
  readonly stalled?: number
}

export async function openStage(options: StageOptions): Promise<Stage> {
  const { url, player, connections, channels, stalled = 0 } = options
  const { side, library } = player
  const serve = (at: number): ChildProcess =>
    start(new URL('server.ts', import.meta.url), { side, library, url, port: at } satisfies ServerTask, [
      '--expose-gc',
    ])
  let server = serve(0)
  const port = await messageFrom<number>(server)
  let before = await ask<ServerReport>(server)
  const clients = start(new URL('clients.ts', import.meta.url), {
    side,
    port,
    connections,
    channels,
    stalled,
  } satisfies ClientsTask)
  await messageFrom(clients)
  const publisher = await publisherOf(url, player)
  // A first event on each channel, so that all are subscribed and warm.
  const first = await count(clients, connections)
  await Promise.all(Array.from({ length: channels }, (_, at) => publisher.publish(at)))
  await first.done
  return {
    publish: (channel, text) => publisher.publish(channel, text),
    count: (events) => count(clients, events),
    async server() {
      const report = await ask<ServerReport>(server)
      return {
        cpuUs: report.cpuUs - before.cpuUs,
        rss: report.rss - before.rss,
        retained: report.retained - before.retained,
      }
    },
    async restart(missed) {
      clients.send('let go' satisfies ClientsOrder)
      await messageFrom(clients)
      const gone = once(server, 'exit')
      server.kill('SIGKILL')
      await gone
      for (let each = 0; each < missed; each++) {
        await Promise.all(Array.from({ length: channels }, (_, at) => publisher.publish(at)))
      }
      server = serve(port)
      await messageFrom(server)
      before = await ask<ServerReport>(server)
      const started = performance.now()
      const { done } = await count(clients, side.startsWith('penknife') ? missed * connections : 0, true)
      await done
      const ms = performance.now() - started
      return { ms, cpuUs: (await ask<ServerReport>(server)).cpuUs - before.cpuUs }
    },
    async close() {
      await publisher.close()
      await Promise.all([ended(clients), ended(server)])
    },
  }
}

async function publisherOf(
  url: string,
  { side, library }: Player,
): Promise<{ publish(channel: number, text?: string): Promise<unknown>; close(): Promise<void> }> {
  let at = 0
  if (side === 'penknife' || side === 'penknife sockets') {
    const { connect, createNotifier } = await coreOf(library)
    const penknife = connect(pattern(url, library), { deadline: '30s' })
    const notifier = createNotifier(penknife.space('bench'), 'main')
    return {
      publish: (channel, text) => notifier.publish(channelOf(channel), eventOf(at++, text)),
      close: () => penknife.close(),
    }
  }
  if (side === 'socket.io') {
    // A server without clients of its own, which publishes to the others.
    const [publisher, subscriber] = [new Redis(url), new Redis(url)]
    const io = new SocketIo({ adapter: createAdapter(publisher, subscriber) })
    return {
      async publish(channel, text) {
        io.to(channelOf(channel)).emit('message', eventOf(at++, text))
      },
      async close() {
        // Without an HTTP server `io.close()` does not resolve.
        publisher.disconnect()
        subscriber.disconnect()
      },
    }
  }
  const redis = new Redis(url, { enableAutoPipelining: true })
  return {
    publish: (channel, text) => redis.publish(channelOf(channel), JSON.stringify(eventOf(at++, text))),
    close: async () => redis.disconnect(),
  }
}

function start(program: URL, task: object, execArgv: readonly string[] = []): ChildProcess {
  return fork(fileURLToPath(program), [JSON.stringify(task)], {
    env: { ...process.env, NODE_ENV: 'production' },
    execArgv: [...process.execArgv, ...execArgv],
  })
}

async function messageFrom<T>(child: ChildProcess): Promise<T> {
  const [message] = (await once(child, 'message')) as [T]
  return message
}

async function ask<T>(child: ChildProcess): Promise<T> {
  child.send('report')
  return messageFrom<T>(child)
}

async function count(
  clients: ChildProcess,
  events: number,
  reconnect: boolean = false,
): Promise<{ readonly done: Promise<ClientsReport> }> {
  clients.send({ count: events, reconnect } satisfies ClientsOrder)
  await messageFrom(clients)
  return { done: messageFrom<ClientsReport>(clients) }
}

async function ended(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit')
  child.disconnect()
  await gone
}
