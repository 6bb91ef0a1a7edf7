import { askedMs } from './delays.ts'
import type { LinkEnd } from './frames.ts'
import type { WebSocketClass } from './types.ts'

const PROTOCOL = 'penknife.v1'
const OPEN = 1
/** A WebSocket that is not open by then cannot get through. */
const OPENS_MS = 10_000
/** A server that is asked for a sign answers within this time, or the connection is given up. */
const ANSWERS_MS = 5000
/** Codes after which a client must not connect again by itself. */
const FINAL = new Set([1003, 1007, 1008, 1009, 4001, 4002])

/** A reply to a numbered frame: docs/protocol.md. */
export interface Reply {
  readonly kind: 'reply'
  readonly n: number
  readonly error?: string
}

type ServerFrame<Frame> =
  | Frame
  | Reply
  | { readonly kind: 'ping' }
  | {
      readonly kind: 'closed'
      readonly reason: string
      readonly reconnect: boolean
      readonly afterMs?: number
    }

export interface SocketListener<Frame> {
  open(): void
  /** Every frame but replies and the last one. */
  frame(frame: Frame): void
  /** Called before the one that asked gets the reply. */
  reply?(reply: Reply): void
  /** Called once, also when it never opened. Not after `close`. */
  ended(end: LinkEnd): void
}

/** One WebSocket of the subprotocol penknife.v1. */
export interface Socket {
  readonly isOpen: boolean
  /** The number of the next frame. */
  readonly n: number
  /** Sends a numbered frame. Resolves with its reply; with undefined if the socket ended first. */
  ask(frame: object): Promise<Reply | undefined>
  /** Makes sure that the server is there. Else the socket ends. */
  probe(): void
  close(): void
}

export function openSocket<Frame extends { readonly kind: string }>(
  Class: WebSocketClass,
  url: string,
  silenceMs: number,
  listener: SocketListener<Frame>,
): Socket {
  const socket = new Class(url, PROTOCOL)
  const replies = new Map<number, (reply: Reply | undefined) => void>()
  let n = 0
  let heardAt = Date.now()
  let goodbye: LinkEnd | undefined
  let over = false
  let timer = setTimeout(() => end({}), OPENS_MS)

  function drop(): void {
    over = true
    clearTimeout(timer)
    for (const reply of replies.values()) reply(undefined)
    socket.close()
  }

  function end(how: LinkEnd): void {
    if (over) return
    drop()
    listener.ended(how)
  }

  /** Notices silence. Runs late in a page in the background, which does no harm. */
  function watch(): void {
    timer = setTimeout(() => {
      const silentMs = Date.now() - heardAt
      if (silentMs >= silenceMs) probe()
      else watch()
    }, silenceMs)
  }

  function probe(): void {
    if (socket.readyState !== OPEN) return
    clearTimeout(timer)
    const before = heardAt
    void ask({ kind: 'ping' })
    timer = setTimeout(() => (heardAt === before ? end({}) : watch()), ANSWERS_MS)
  }

  function ask(frame: object): Promise<Reply | undefined> {
    const mine = n++
    return new Promise((resolve) => {
      replies.set(mine, resolve)
      socket.send(JSON.stringify({ ...frame, n: mine }))
    })
  }

  function receive(frame: ServerFrame<Frame>): void {
    if (frame.kind === 'closed') {
      const { reconnect, afterMs, reason } = frame as ServerFrame<never> & { kind: 'closed' }
      goodbye = reconnect ? { afterMs: askedMs(afterMs) } : { final: reason }
    } else if (frame.kind === 'reply') {
      const reply = frame as Reply
      listener.reply?.(reply)
      replies.get(reply.n)?.(reply)
      replies.delete(reply.n)
    } else listener.frame(frame as Frame)
  }

  socket.addEventListener('open', () => {
    clearTimeout(timer)
    heardAt = Date.now()
    watch()
    listener.open()
  })
  socket.addEventListener('message', ({ data }) => {
    heardAt = Date.now()
    if (over) return
    try {
      receive(JSON.parse(String(data)) as ServerFrame<Frame>)
    } catch {
      // Not this protocol: another program answered. Callbacks of the page do not throw here.
      end({})
    }
  })
  socket.addEventListener('error', () => {})
  socket.addEventListener('close', ({ code = 0, reason }) => {
    end(goodbye ?? (FINAL.has(code) ? { final: reason || `code ${code}` } : {}))
  })

  return {
    get isOpen() {
      return socket.readyState === OPEN
    },
    get n() {
      return n
    },
    ask,
    probe,
    close: drop,
  }
}

/** The address of a WebSocket, from a path or an address of HTTP. */
export function socketAddress(url: string): URL {
  const address = new URL(url, globalThis.location?.href)
  address.protocol = address.protocol.replace('http', 'ws')
  return address
}
