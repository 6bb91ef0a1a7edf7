import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

import { connect, createNotifier } from '@penknife/core'
import { Redis } from 'ioredis'

import { pattern } from '../harness/connections.ts'
import { installed } from '../harness/versions.ts'
import {
  channelOf,
  type ClientsReport,
  type ClientsTask,
  eventOf,
  type ServerReport,
  type Side,
} from './task.ts'

export const SIDES: readonly Side[] = ['penknife', 'better-sse', 'raw']

export function nameOf(side: Side): string {
  if (side === 'better-sse') return `${installed('better-sse')} + ioredis`
  return side === 'raw' ? 'a shared chunk for each turn' : side
}

/** A server of one side with its connected clients, each in a process of its own, and someone who publishes. */
export interface Stage {
  /** Publishes to a channel; resolves when Redis has it. */
  publish(channel: number): Promise<unknown>
  /** Makes a run wait for that many events at the clients, all together. */
  count(events: number): Promise<{ readonly done: Promise<ClientsReport> }>
  server(): Promise<ServerReport>
  close(): Promise<void>
}

export interface StageOptions {
  readonly url: string
  readonly side: Side
  readonly connections: number
  readonly channels: number
}

export async function openStage({ url, side, connections, channels }: StageOptions): Promise<Stage> {
  const server = start(new URL('server.ts', import.meta.url), { side, url }, ['--expose-gc'])
  const port = await told<number>(server)
  const before = await ask<ServerReport>(server)
  const clients = start(new URL('clients.ts', import.meta.url), {
    port,
    connections,
    channels,
  } satisfies ClientsTask)
  await told(clients)
  const publisher = publisherOf(url, side)
  // A first event on each channel: subscribed, and warm.
  const first = await count(clients, connections)
  await Promise.all(Array.from({ length: channels }, (_, at) => publisher.publish(at)))
  await first.done
  return {
    publish: (channel) => publisher.publish(channel),
    count: (events) => count(clients, events),
    async server() {
      const report = await ask<ServerReport>(server)
      return { ...report, rss: report.rss - before.rss }
    },
    async close() {
      await publisher.close()
      await Promise.all([ended(clients), ended(server)])
    },
  }
}

function publisherOf(
  url: string,
  side: Side,
): { publish(channel: number): Promise<unknown>; close(): Promise<void> } {
  let at = 0
  if (side === 'penknife') {
    const penknife = connect(pattern(url))
    const notifier = createNotifier(penknife.space('bench'))
    return {
      publish: (channel) => notifier.publish(channelOf(channel), eventOf(at++)),
      close: () => penknife.close(),
    }
  }
  const redis = new Redis(url, { enableAutoPipelining: true })
  return {
    publish: (channel) => redis.publish(channelOf(channel), JSON.stringify(eventOf(at++))),
    close: async () => redis.disconnect(),
  }
}

function start(program: URL, task: object, execArgv: readonly string[] = []): ChildProcess {
  return fork(fileURLToPath(program), [JSON.stringify(task)], {
    env: { ...process.env, NODE_ENV: 'production' },
    execArgv: [...process.execArgv, ...execArgv],
  })
}

async function told<T>(child: ChildProcess): Promise<T> {
  const [message] = (await once(child, 'message')) as [T]
  return message
}

async function ask<T>(child: ChildProcess): Promise<T> {
  child.send('report')
  return told<T>(child)
}

async function count(
  clients: ChildProcess,
  events: number,
): Promise<{ readonly done: Promise<ClientsReport> }> {
  clients.send(events)
  await told(clients)
  return { done: told<ClientsReport>(clients) }
}

async function ended(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit')
  child.disconnect()
  await gone
}
