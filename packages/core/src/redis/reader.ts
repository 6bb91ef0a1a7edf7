import { EventEmitter } from 'node:events'

import { type Line, type Link, NotSent } from './driver.ts'
import { movedAway } from './failures.ts'
import type { Servers } from './servers.ts'

/** A connection for blocking reads of the keys in one slot. */
export interface Reader extends Pick<Line, 'ready' | 'call' | 'on' | 'lookAgain' | 'close'> {
  /** Why it could not be connected the last time that it was tried; undefined while it is, or only begins to. */
  readonly reason: string | undefined
}

type ReasonOf = (line: Line) => string | undefined

/** Before the owner of the slot is looked up again. */
const LOOK_UP_MS = 100

/** Opens a connection for blocking reads; on a cluster it goes to the master that has the slot, and follows it. */
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

  /** The slot may be another master's now. */
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
      const heard = listener as (...of: unknown[]) => void
      events.on(event, heard)
      return () => void events.off(event, heard)
    },
    lookAgain: () => leave(link),
    async close() {
      closed = true
      clearTimeout(timer)
      await link?.close()
    },
  }
}
