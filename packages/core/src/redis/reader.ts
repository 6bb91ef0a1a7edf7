import { EventEmitter } from 'node:events'

import { type Line, type Link, NotSent } from './driver.ts'
import { movedAway } from './failures.ts'
import type { Servers } from './servers.ts'

/** A connection for blocking reads of the keys in one slot. */
export interface Reader extends Pick<Line, 'ready' | 'call' | 'on' | 'lookAgain' | 'close'> {
  /** Why the last attempt to connect failed. Undefined when it is connected, or is connecting for the first time. */
  readonly reason: string | undefined
}

type ReasonOf = (line: Line) => string | undefined

/** Wait before the owner of the slot is looked up again. */
const LOOK_UP_MS = 100

/** Opens a connection for blocking reads. On a cluster it connects to the master that owns the slot, and follows the slot. */
export function openReader(servers: Servers, slot: number, reasonOf: ReasonOf): Reader {
  if (servers.cluster) return followSlot(servers, slot, reasonOf)
  const link = servers.owner(slot, 'reader')?.open() as Link
  return {
    get ready() {
      return link.ready
    },
    get reason() {
      return reasonOf(link)
    },
    call: link.call,
    on: link.on,
    lookAgain: link.lookAgain,
    close: link.close,
  }
}

function followSlot(servers: Servers, slot: number, reasonOf: ReasonOf): Reader {
  const events = new EventEmitter()
  let link: Link | undefined
  let timer: NodeJS.Timeout | undefined
  let closed = false
  let reason: string | undefined

  function connect(): void {
    if (closed || link) return
    const opened = servers.owner(slot, 'reader')?.open()
    link = opened
    if (!opened) return connectSoon()
    opened.on('ready', () => {
      reason = undefined
      events.emit('ready')
    })
    opened.on('closed', (cause) => {
      reason = reasonOf(opened)
      leave(opened)
      events.emit('closed', cause)
    })
  }

  /** Closes a connection, because another master may own the slot now. */
  function leave(left: Link | undefined): void {
    if (!left || link !== left) return
    link = undefined
    void left.close()
    connectSoon()
  }

  function connectSoon(): void {
    if (closed) return
    timer ??= setTimeout(() => {
      timer = undefined
      servers.refresh(connect)
    }, LOOK_UP_MS).unref()
  }

  connect()
  return {
    get ready() {
      return link?.ready ?? false
    },
    get reason() {
      return reason
    },
    async call(command, ...args) {
      const used = link
      if (!used?.ready) throw new NotSent('the master of the slot is not connected')
      try {
        return await used.call(command, ...args)
      } catch (error) {
        if (movedAway(error)) leave(used)
        throw error
      }
    },
    on(event, listener) {
      const handler = listener as (...of: unknown[]) => void
      events.on(event, handler)
      return () => void events.off(event, handler)
    },
    lookAgain: () => leave(link),
    async close() {
      closed = true
      clearTimeout(timer)
      await link?.close()
    },
  }
}
