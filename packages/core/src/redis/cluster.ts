import { ReplyError, type Link, NotSent, type Receiver, type Topology } from './driver.ts'
import type { Sent } from './sent.ts'
import type { CommandSink } from './sink-types.ts'

/** Wait before the slots are looked up again for a call whose master is not connected. */
const LOOK_UP_MS = 100
/** Wait before a call is sent again that was refused because its slot is moving. */
const MOVING_MS = 25

/**
 * Sends each call to the master that has its slot, and follows a slot that moves.
 *
 * A client library that follows a slot by itself repeats a refused call a number of times without regard to the deadline.
 * Its final error does not say that nothing was done. Here a refused call fails with Redis' own reply, and `onReady` is
 * called when the call can be sent again.
 */
export function createClusterSink(
  topology: Topology,
  onReady: () => void,
): Pick<CommandSink, 'ready' | 'send' | 'together'> {
  /** Connections to masters that are taking over a slot, and do not own one yet as far as is known. */
  const newcomers = new Map<string, Link>()
  /** While several commands are sent: the connections that buffer them. */
  let corked: Set<Link> | undefined
  let lookingUp: NodeJS.Timeout | undefined
  let waiting: NodeJS.Timeout | undefined

  topology.on('changed', () => {
    for (const [node, link] of newcomers) if (topology.link(node)) void link.close()
    onReady()
  })
  topology.on('closed', () => {
    clearTimeout(lookingUp)
    clearTimeout(waiting)
    lookingUp = waiting = undefined
    for (const link of newcomers.values()) void link.close()
  })

  /** Finds the master that took over, or connects again to the lost one. */
  function lookUp(): void {
    lookingUp ??= setTimeout(() => {
      lookingUp = undefined
      if (topology.ready) topology.refresh(onReady)
    }, LOOK_UP_MS).unref()
  }

  function tryAgain(): void {
    waiting ??= setTimeout(() => {
      waiting = undefined
      onReady()
    }, MOVING_MS).unref()
  }

  function masterOf(slot: number): Link | undefined {
    const owner = topology.owner(slot)
    return owner === undefined ? undefined : topology.link(owner)
  }

  function linkTo(node: string): Link | undefined {
    const known = topology.link(node) ?? newcomers.get(node)
    if (known) return known
    const link = topology.open(node, 'commands')
    if (!link) return undefined
    newcomers.set(node, link)
    link.on('ready', onReady)
    link.on('closed', () => {
      if (newcomers.get(node) === link) newcomers.delete(node)
      void link.close()
    })
    return link
  }

  function sendTo(
    link: Link | undefined,
    command: string,
    args: readonly Sent[],
    receiver: Receiver<unknown>,
  ): void {
    if (link?.ready) {
      if (corked && !corked.has(link)) {
        corked.add(link)
        link.cork()
      }
      link.send(command, args, receiver)
    } else receiver.failed(new NotSent("the slot's master is not connected"))
  }

  return {
    ready(slot) {
      if (!topology.ready) return false
      const link = masterOf(slot)
      if (!link) lookUp()
      return link?.ready ?? false
    },
    together(run) {
      const links = (corked = new Set())
      try {
        run()
      } finally {
        corked = undefined
        for (const link of links) link.uncork()
      }
    },
    send(command, args, slot, receiver) {
      const refused = (error: unknown): void => {
        tryAgain()
        receiver.failed(error)
      }
      sendTo(masterOf(slot), command, args, {
        received: (reply) => receiver.received(reply),
        failed(error) {
          const code = error instanceof ReplyError ? error.code : undefined
          if (code === 'TRYAGAIN') refused(error)
          else if (code === 'MOVED') {
            topology.learn(slot, targetOf(error as ReplyError))
            lookUp()
            refused(error)
          } else if (code === 'ASK') {
            const target = linkTo(targetOf(error as ReplyError))
            if (!target?.ready) refused(error)
            else {
              // The target accepts one command after ASKING on the same connection.
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

  /** The node of a redirection, such as `ASK 3999 127.0.0.1:6381`. */
  function targetOf({ message }: ReplyError): string {
    return topology.nodeOf(message.split(' ')[2] ?? '')
  }
}

const IGNORE: Receiver<unknown> = { received() {}, failed() {} }
