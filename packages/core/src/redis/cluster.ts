import type { Cluster, Redis } from 'ioredis'

import type { Connections } from './connections.ts'
import { type Receiver, send, type Sent } from './direct.ts'
import { notSent, replyCode } from './failures.ts'
import type { CommandSink } from './sink.ts'

/** Before the slots are looked up again for a call whose master is not there. */
const LOOK_UP_MS = 100
/** Before a call is sent again that was refused because its slot is moving. */
const MOVING_MS = 25

/**
 * Sends each call to the master that has its slot, and follows a slot that moves.
 *
 * It sends on the connections to the nodes, not through ioredis' Cluster: that queues a call to a master which is not
 * connected, and fails it with the calls that were sent; and it sends a refused call again a number of times, whatever
 * the deadline, and then fails with an error that does not say that nothing was done. Here a call that was refused comes
 * back with Redis' own reply, and `onReady` says when to send it again.
 */
export function createClusterSink(
  cluster: Cluster,
  connections: Connections,
  onReady: () => void,
): Pick<CommandSink, 'ready' | 'send'> {
  const nodes = new Map<string, Redis>()
  /** Connections to masters that take over a slot and are not known to have one. */
  const newcomers = new Map<string, Redis>()
  let lookingUp: NodeJS.Timeout | undefined
  let waiting: NodeJS.Timeout | undefined

  cluster.on('+node', (node: Redis) => {
    const name = nameOf(node)
    nodes.set(name, node)
    node.on('ready', onReady)
    newcomers.get(name)?.disconnect()
  })
  cluster.on('-node', (node: Redis) => {
    const name = nameOf(node)
    if (nodes.get(name) === node) nodes.delete(name)
    onReady()
  })
  cluster.on('end', () => {
    clearTimeout(lookingUp)
    clearTimeout(waiting)
    lookingUp = waiting = undefined
    for (const link of newcomers.values()) link.disconnect()
  })

  /** Finds the master that took over, or makes a new connection to the one that was lost. */
  function lookUp(): void {
    lookingUp ??= setTimeout(() => {
      lookingUp = undefined
      if (cluster.status === 'ready') cluster.refreshSlotsCache(onReady)
    }, LOOK_UP_MS).unref()
  }

  function tryAgain(): void {
    waiting ??= setTimeout(() => {
      waiting = undefined
      onReady()
    }, MOVING_MS).unref()
  }

  function masterOf(slot: number): Redis | undefined {
    return nodes.get(cluster.slots[slot]?.[0] ?? '')
  }

  /** The name under which ioredis knows the node of a redirection: `ASK 3999 127.0.0.1:6381`. */
  function targetOf(error: Error): string {
    const address = error.message.split(' ')[2] ?? ''
    const { natMap } = cluster.options
    const mapped = typeof natMap === 'function' ? natMap(address) : natMap?.[address]
    return mapped ? `${mapped.host}:${mapped.port}` : address
  }

  function linkTo(name: string): Redis | undefined {
    const known = nodes.get(name) ?? newcomers.get(name)
    if (known) return known
    const link = connections.openNode(cluster, name, 'commands')
    if (!link) return undefined
    newcomers.set(name, link)
    link.on('ready', onReady)
    link.on('close', () => {
      if (newcomers.get(name) === link) newcomers.delete(name)
      link.disconnect()
    })
    return link
  }

  function sendTo(
    node: Redis | undefined,
    command: string,
    args: readonly Sent[],
    receiver: Receiver<unknown>,
  ): void {
    // A node that is not connected would queue it.
    if (node?.status === 'ready' && node.stream.writable) send(node, command, args, receiver)
    else receiver.failed(notSent())
  }

  return {
    ready(slot) {
      if (cluster.status !== 'ready') return false
      const node = masterOf(slot)
      if (!node) lookUp()
      return isConnected(node)
    },
    send(command, args, slot, receiver) {
      const refused = (error: unknown): void => {
        tryAgain()
        receiver.failed(error)
      }
      sendTo(masterOf(slot), command, args, {
        received: (reply) => receiver.received(reply),
        failed(error) {
          const code = replyCode(error)
          if (code === 'TRYAGAIN') refused(error)
          else if (code === 'MOVED') {
            const owner = targetOf(error as Error)
            if (nodes.has(owner)) cluster.slots[slot] = [owner]
            lookUp()
            refused(error)
          } else if (code === 'ASK') {
            const target = linkTo(targetOf(error as Error))
            if (!isConnected(target)) refused(error)
            else {
              // What follows ASKING on its connection is let in, once.
              sendTo(target, 'asking', [], IGNORE)
              sendTo(target, command, args, {
                received: (reply) => receiver.received(reply),
                failed: refused,
              })
            }
          } else receiver.failed(error)
        },
      })
    },
  }
}

const IGNORE: Receiver<unknown> = { received() {}, failed() {} }

/** Begins to connect a node that is not connected yet. */
function isConnected(node: Redis | undefined): boolean {
  if (node?.status === 'wait') node.connect().catch(() => {})
  return node?.status === 'ready'
}

function nameOf({ options }: Redis): string {
  return `${options.host}:${options.port}`
}
