import type { Frame, Link, LinkEnd, LinkListener, Positions } from './frames.ts'
import type { LiveRefusal, WebSocketClass } from './types.ts'

const PROTOCOL = 'penknife.v1'
const OPEN = 1
/** A WebSocket that is not open by then cannot get through. */
const OPENS_MS = 10_000
/** A server that is asked for a sign answers within this time, or the connection is given up. */
const ANSWERS_MS = 5000
/** The most channels of a frame. */
const NAMED = 50
/** Codes after which a client must not connect again by itself. */
const FINAL = new Set([1003, 1007, 1008, 1009, 4001, 4002])

/** A frame of the server: docs/protocol.md. */
type ServerFrame =
  | Frame
  | { readonly kind: 'ping' }
  | {
      readonly kind: 'reply'
      readonly n: number
      readonly error?: string
      readonly refused?: Readonly<Record<string, LiveRefusal | 'unavailable'>>
    }
  | {
      readonly kind: 'closed'
      readonly reason: string
      readonly reconnect: boolean
      readonly afterMs?: number
    }

type Reply = ServerFrame & { kind: 'reply' }

/** Opens a WebSocket of the subprotocol penknife.v1. */
export function openWebSocket(
  Socket: WebSocketClass,
  url: string,
  silenceMs: number,
  listener: LinkListener,
): Link {
  const socket = new Socket(url, PROTOCOL)
  const replies = new Map<number, (reply: Reply | undefined) => void>()
  /** Channels whose subscribe frame has no reply yet: what comes of them is of an earlier subscription. */
  const joining = new Map<string, number>()
  let n = 0
  let heardAt = Date.now()
  let goodbye: LinkEnd | undefined
  let over = false
  let timer = setTimeout(() => end({}), OPENS_MS)

  function end(how: LinkEnd): void {
    if (over) return
    over = true
    clearTimeout(timer)
    for (const reply of replies.values()) reply(undefined)
    socket.close()
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

  function join(channels: readonly (readonly [string, string | undefined])[]): void {
    const mine = n
    for (const [channel] of channels) joining.set(channel, mine)
    void ask({
      kind: 'subscribe',
      channels: Object.fromEntries(channels.map(([channel, position]) => [channel, position ?? null])),
    }).then((reply) => {
      // A channel may be called 'constructor'.
      const refused = new Map(Object.entries(reply?.refused ?? {}))
      for (const [channel] of channels) {
        const reason = reply?.error === undefined ? refused.get(channel) : 'unavailable'
        if (reason !== undefined && joining.get(channel) === undefined) listener.refused(channel, reason)
      }
    })
  }

  function receive(frame: ServerFrame): void {
    if (frame.kind === 'closed') {
      goodbye = frame.reconnect ? { afterMs: frame.afterMs } : { final: frame.reason }
    } else if (frame.kind === 'reply') {
      for (const [channel, of] of joining) if (of === frame.n) joining.delete(channel)
      replies.get(frame.n)?.(frame)
      replies.delete(frame.n)
    } else if ('channel' in frame && !joining.has(frame.channel)) listener.frame(frame)
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
    let frame: ServerFrame
    try {
      frame = JSON.parse(String(data)) as ServerFrame
    } catch {
      // Not this protocol: another program answered.
      return end({})
    }
    receive(frame)
  })
  socket.addEventListener('error', () => {})
  socket.addEventListener('close', ({ code = 0, reason }) => {
    end(goodbye ?? (FINAL.has(code) ? { final: reason || `code ${code}` } : {}))
  })

  return {
    transport: 'websocket',
    join(added: Positions) {
      const channels = [...added]
      for (let at = 0; at < channels.length; at += NAMED) join(channels.slice(at, at + NAMED))
    },
    leave(channel) {
      if (socket.readyState === OPEN) void ask({ kind: 'unsubscribe', channels: [channel] })
    },
    async auth(token) {
      const reply = await ask({ kind: 'auth', token })
      return reply && reply.error === undefined
    },
    probe,
    close() {
      over = true
      clearTimeout(timer)
      for (const reply of replies.values()) reply(undefined)
      socket.close()
    },
  }
}
