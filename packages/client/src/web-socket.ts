import type { Frame, Link, LinkListener, Positions } from './frames.ts'
import { openSocket, type Reply } from './socket.ts'
import type { LiveRefusal, WebSocketClass } from './types.ts'

/** The most channels of a frame. */
const NAMED = 50

type Subscribed = Reply & { readonly refused?: Readonly<Record<string, LiveRefusal | 'unavailable'>> }

/** Opens a WebSocket that follows channels. */
export function openWebSocket(
  Class: WebSocketClass,
  url: string,
  silenceMs: number,
  listener: LinkListener,
): Link {
  /** Channels whose subscribe frame has no reply yet: what comes of them is of an earlier subscription. */
  const joining = new Map<string, number>()

  const socket = openSocket<Frame>(Class, url, silenceMs, {
    open: () => listener.open(),
    frame(frame) {
      if ('channel' in frame && !joining.has(frame.channel)) listener.frame(frame)
    },
    reply({ n }) {
      for (const [channel, of] of joining) if (of === n) joining.delete(channel)
    },
    ended: (how) => listener.ended(how),
  })

  function join(channels: readonly (readonly [string, string | undefined])[]): void {
    const mine = socket.n
    for (const [channel] of channels) joining.set(channel, mine)
    void socket
      .ask({
        kind: 'subscribe',
        channels: Object.fromEntries(channels.map(([channel, position]) => [channel, position ?? null])),
      })
      .then((reply: Subscribed | undefined) => {
        // A channel may be called 'constructor'.
        const refused = new Map(Object.entries(reply?.refused ?? {}))
        for (const [channel] of channels) {
          const reason = reply?.error === undefined ? refused.get(channel) : 'unavailable'
          if (reason !== undefined && joining.get(channel) === undefined) listener.refused(channel, reason)
        }
      })
  }

  return {
    transport: 'websocket',
    join(added: Positions) {
      const channels = [...added]
      for (let at = 0; at < channels.length; at += NAMED) join(channels.slice(at, at + NAMED))
    },
    leave(channel) {
      if (socket.isOpen) void socket.ask({ kind: 'unsubscribe', channels: [channel] })
    },
    async auth(token) {
      const reply = await socket.ask({ kind: 'auth', token })
      return reply && reply.error === undefined
    },
    probe: () => socket.probe(),
    close: () => socket.close(),
  }
}
