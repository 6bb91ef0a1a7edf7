import { Channel, run } from './channel.ts'
import { delayMs } from './delays.ts'
import { openEventStream } from './event-stream.ts'
import type { Link, LinkEnd, LinkListener, Positions } from './frames.ts'
import { createPositions } from './positions.ts'
import { socketAddress } from './socket.ts'
import type {
  Live,
  LiveAddress,
  LiveEventMap,
  LiveOptions,
  LiveRefusal,
  LiveStatus,
  LiveSubscribeOptions,
  LiveSubscription,
  LiveTransport,
  WebSocketClass,
} from './types.ts'
import { isOffline, onWake } from './wake.ts'
import { openWebSocket } from './web-socket.ts'

/** More than the server's heartbeat of 15 s. */
const SILENCE_MS = 25_000
const IDLE: LiveStatus = { kind: 'idle' }

/**
 * Follows channels of a server: of `notificationSockets` at `url`, and of `notifications` at `options.sse` where a WebSocket
 * cannot get through. It reconnects by itself, resumes each channel after its last event, and tells when events were lost.
 *
 *     const live = connect<Events>('/live', { sse: '/events' })
 *     live.subscribe('orders:7', { onEvent: (event) => show(event.data), onReset: () => load() })
 */
export function connect<Events extends object = LiveEventMap>(
  url: LiveAddress,
  options?: LiveOptions,
): Live<Events>
// The last one is what `ReturnType<typeof connect>` sees.
export function connect<Events extends LiveEventMap = LiveEventMap>(
  url: LiveAddress,
  options?: LiveOptions,
): Live<Events>
export function connect<Events extends object>(url: LiveAddress, options: LiveOptions = {}): Live<Events> {
  const channels = new Map<string, Channel>()
  const kept = createPositions(typeof url === 'string' ? url : 'live', options.storage)
  const listeners = new Set<(status: LiveStatus) => void>()
  const { silenceMs = SILENCE_MS } = options
  const Socket = options.WebSocket ?? globalThis.WebSocket
  let status = IDLE
  let link: Link | undefined
  /** The transports of this round that are still to be tried. */
  let untried: LiveTransport[] = []
  let attempt = 0
  let round = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  let added = new Set<string>()
  let sleepless: (() => void) | undefined

  function change(next: LiveStatus): void {
    status = next
    for (const listener of listeners) run(() => listener(next))
  }

  function positions(names: Iterable<string>): Positions {
    return new Map([...names].map((name) => [name, channels.get(name)?.position]))
  }

  /** Begins a round: a WebSocket first, and server-sent events if that does not open. */
  function begin(): void {
    clearTimeout(timer)
    drop()
    if (channels.size === 0) return change(IDLE)
    sleepless ??= onWake(wake)
    untried = [...(Socket ? (['websocket'] as const) : []), ...(options.sse ? (['sse'] as const) : [])]
    void tryNext()
  }

  async function tryNext(): Promise<void> {
    const transport = untried.shift()
    if (!transport) return wait({})
    change({ kind: 'connecting', transport })
    const mine = ++round
    try {
      const address = transport === 'sse' ? (options.sse as LiveAddress) : url
      const found = typeof address === 'function' ? await address() : address
      if (mine !== round) return
      link =
        transport === 'sse'
          ? openEventStream(found, options.headers ?? {}, silenceMs, listenerOf(mine, transport))
          : openWebSocket(
              Socket as WebSocketClass,
              socketAddress(found).href,
              silenceMs,
              listenerOf(mine, transport),
            )
      // An event stream opens with its channels.
      if (transport === 'sse') link.join(positions(channels.keys()), positions(channels.keys()))
    } catch {
      if (mine === round) void tryNext()
    }
  }

  function listenerOf(mine: number, transport: LiveTransport): LinkListener {
    let open = false
    return {
      open() {
        if (mine !== round) return
        if (!open && transport === 'websocket') join(channels.keys())
        if (!open) change({ kind: 'open', transport })
        open = true
      },
      frame(frame) {
        const channel = channels.get(frame.channel)
        if (mine !== round || !channel) return
        attempt = 0
        if (frame.kind === 'revoked') return lose(frame.channel, channel, 'revoked')
        channel.receive(frame)
        // A page that is loaded again needs the value of a view.
        if (!channel.view) kept.set(frame.channel, channel.position)
      },
      refused(name, reason) {
        if (mine === round) refuse(name, reason)
      },
      ended(end) {
        if (mine !== round) return
        link = undefined
        if (end.final !== undefined) finish(end.final)
        else if (open) wait(end)
        else if (end.afterMs === undefined) void tryNext()
        else wait(end)
      },
    }
  }

  function join(names: Iterable<string>): void {
    const wanted = positions(names)
    if (wanted.size > 0) link?.join(wanted, positions(channels.keys()))
  }

  function refuse(name: string, reason: LiveRefusal | 'unavailable'): void {
    const channel = channels.get(name)
    if (!channel) return
    if (reason === 'unavailable')
      setTimeout(() => channels.get(name) === channel && add(name), delayMs(++channel.attempts))
    else lose(name, channel, reason)
  }

  /** A callback may subscribe again: it must get another channel. */
  function lose(name: string, channel: Channel, reason: LiveRefusal): void {
    forget(name)
    channel.end(reason)
  }

  function forget(name: string): void {
    channels.delete(name)
    kept.set(name, undefined)
  }

  function wait({ afterMs = delayMs(attempt++) }: LinkEnd): void {
    change({ kind: 'waiting', afterMs })
    clearTimeout(timer)
    // Without a network the event 'online' comes first; the timer is for browsers that are wrong about it.
    timer = setTimeout(begin, isOffline() ? Math.max(afterMs, delayMs(5)) : afterMs)
  }

  /** Time may have passed unnoticed. */
  function wake(frozen: boolean): void {
    if (status.kind === 'waiting') begin()
    else if (status.kind === 'open') link?.probe(frozen)
  }

  function drop(): void {
    round += 1
    link?.close()
    link = undefined
  }

  function finish(reason: string): void {
    drop()
    clearTimeout(timer)
    sleepless?.()
    sleepless = undefined
    change({ kind: 'closed', reason })
  }

  /** Follows a channel with the others that are added in this tick. */
  function add(name: string): void {
    if (added.size === 0) {
      queueMicrotask(() => {
        const names = [...added].filter((one) => channels.has(one))
        added = new Set()
        if (status.kind === 'idle') begin()
        else if (status.kind === 'open' || link?.transport === 'sse') join(names)
      })
    }
    added.add(name)
  }

  /** For the state, which the server sends at the beginning. */
  function beginAgain(name: string, channel: Channel): void {
    channel.position = undefined
    channel.stated = false
    add(name)
  }

  function channelOf(name: string, from: string | undefined): Channel {
    let channel = channels.get(name)
    if (!channel) {
      channel = new Channel(from)
      channels.set(name, channel)
      add(name)
    }
    return channel
  }

  function subscriptionOf(name: string, mine: Channel, listener: LiveSubscribeOptions): LiveSubscription {
    mine.listeners.add(listener)
    return {
      channel: name,
      get position() {
        return mine.position
      },
      close() {
        if (!mine.listeners.delete(listener) || mine.listeners.size > 0 || channels.get(name) !== mine) return
        forget(name)
        if (status.kind === 'open') link?.leave(name)
      },
    }
  }

  return {
    get status() {
      return status
    },
    subscribe(name, listener) {
      const channel = channelOf(name, listener.from ?? kept.of(name))
      if (listener.onState && channel.stated) beginAgain(name, channel)
      return subscriptionOf(name, channel, listener as LiveSubscribeOptions)
    },
    view(name, { onValue, onEnd }) {
      const channel = channelOf(name, undefined)
      // Followed before as something else: it needs the state.
      if (!channel.view && channel.position !== undefined) beginAgain(name, channel)
      const view = (channel.view ??= {})
      const show = (): void => onValue(view.value as never)
      const listener: LiveSubscribeOptions = { onState: show, onEvent: show, ...(onEnd ? { onEnd } : {}) }
      if ('value' in view) queueMicrotask(() => channel.listeners.has(listener) && run(show))
      return subscriptionOf(name, channel, listener)
    },
    async auth(token) {
      if (!link?.auth || status.kind !== 'open') {
        begin()
        return true
      }
      // A connection that broke refused nothing: the next one has its rights by its address.
      return (await link.auth(token)) ?? true
    },
    on(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    reconnect: begin,
    close: () => finish('closed'),
  }
}
