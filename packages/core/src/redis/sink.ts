import type { Cluster, Redis } from 'ioredis'

import type { Connection } from './connections.ts'
import { argsOf, handOver, type Receiver, send, type Sent } from './direct.ts'
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

/** Before the slots are looked up again for a call whose master is not there. */
const LOOK_UP_MS = 100

export function createSink(connection: Connection, onReady: () => void): CommandSink {
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
    ready: connection.isCluster
      ? readyOnCluster(connection as Cluster, onReady)
      : () => connection.status === 'ready',
    send: connection.isCluster
      ? (command, args, _slot, receiver) =>
          handOver((connection as Cluster).call(command, argsOf(args)), receiver)
      : (command, args, _slot, receiver) => send(connection as Redis, command, args, receiver),
  }
}

/**
 * ioredis queues a call to a master that is not connected, and fails it with the calls that were sent when the
 * connecting fails. So that what was never sent is known, a call waits here until its master is connected.
 */
function readyOnCluster(cluster: Cluster, onReady: () => void): (slot: number) => boolean {
  const nodes = new Map<string, Redis>()
  const keyOf = ({ options }: Redis): string => `${options.host}:${options.port}`
  let timer: NodeJS.Timeout | undefined

  cluster.on('+node', (node: Redis) => {
    nodes.set(keyOf(node), node)
    node.on('ready', onReady)
  })
  cluster.on('-node', (node: Redis) => {
    if (nodes.get(keyOf(node)) === node) nodes.delete(keyOf(node))
    onReady()
  })
  // Finds the master that took over, or makes a new connection to the one that was lost.
  function lookUp(): void {
    timer ??= setTimeout(() => {
      timer = undefined
      if (cluster.status === 'ready') cluster.refreshSlotsCache(onReady)
    }, LOOK_UP_MS).unref()
  }

  return (slot) => {
    if (cluster.status !== 'ready') return false
    const node = nodes.get(cluster.slots[slot]?.[0] ?? '')
    if (node?.status === 'ready') return true
    if (node?.status === 'wait') node.connect().catch(() => {})
    else if (!node) lookUp()
    return false
  }
}
