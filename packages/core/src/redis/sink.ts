import type { Cluster, Redis } from 'ioredis'

import { createClusterSink } from './cluster.ts'
import type { Connection, Connections } from './connections.ts'
import { type Receiver, send, type Sent } from './direct.ts'
import { isReply, neverSent } from './failures.ts'

/** What the runner sends through. */
export interface CommandSink {
  readonly status: string
  /** What went wrong last, while no connection is there. */
  readonly lastError: Error | undefined
  /** Whether a call for that slot is sent at once; when not, `onReady` is told when to try again. */
  ready(slot: number): boolean
  /** `slot` is where it goes, for who sends to one of several connections. The receiver is told once, maybe at once; of strings as text. */
  send(command: string, args: readonly Sent[], slot: number, receiver: Receiver<unknown>): void
}

/** Names the server that has a slot. */
export function nodeOf(connection: Connection, slot: number): string {
  if (connection.isCluster) return (connection as Cluster).slots[slot]?.[0] ?? 'a master that is not known'
  const { path, sentinels, name, host, port } = (connection as Redis).options
  return path ?? (sentinels ? `${name}` : `${host}:${port}`)
}

/** Whether the server of a slot answers a read of a key, were it with an error, within the time. Never rejects. */
export async function answersWithin(
  sink: CommandSink,
  slot: number,
  key: string,
  ms: number,
): Promise<boolean> {
  if (!sink.ready(slot)) return false
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => setImmediate(() => resolve(false)), ms).unref()
  })
  const answer = new Promise<boolean>((resolve) => {
    sink.send('get', [key], slot, {
      received: () => resolve(true),
      failed: (error) => resolve(isReply(error)),
    })
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}

export function createSink(
  connection: Connection,
  connections: Connections,
  onReady: () => void,
): CommandSink {
  let lastError: Error | undefined
  connection.on('error', (error: Error) => {
    // What ioredis could not send because of the error before says nothing new.
    if (!neverSent(error)) lastError = error
  })
  connection.on('ready', () => {
    lastError = undefined
    onReady()
  })
  return {
    get lastError() {
      return lastError
    },
    get status() {
      return connection.status
    },
    ...(connection.isCluster
      ? createClusterSink(connection as Cluster, connections, onReady)
      : {
          ready: () => connection.status === 'ready',
          send: (command, args, _slot, receiver) => send(connection as Redis, command, args, receiver),
        }),
  }
}
