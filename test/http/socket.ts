import { once } from 'node:events'

import { onTestFinished } from 'vitest'
import { WebSocket } from 'ws'

import { until } from '../support/until.ts'

export interface SocketFrame {
  readonly kind: string
  readonly channel?: string
  readonly id?: string
  readonly data?: unknown
  readonly state?: unknown
  readonly n?: number
  readonly refused?: Readonly<Record<string, string>>
  readonly error?: string
  readonly code?: number
  readonly reason?: string
  readonly reconnect?: boolean
  readonly afterMs?: number
}

/** A client of the subprotocol penknife.v1 that does nothing by itself. */
export interface SocketClient {
  readonly frames: readonly SocketFrame[]
  /** The code and reason of the close, once it is closed. */
  readonly closed: readonly [code: number, reason: string] | undefined
  /** Reads nothing from now on. */
  pause(): void
  resume(): void
  send(frame: object | string | Buffer): void
  /** Sends a numbered frame. Resolves with its reply. */
  ask(frame: object): Promise<SocketFrame>
  subscribe(channels: Readonly<Record<string, string | null>>): Promise<SocketFrame>
  /** The frames of these kinds, in short: kind, channel, data. */
  seen(...kinds: readonly string[]): unknown[]
  /** The position of the last frame of a channel. */
  position(channel: string): string | null
  has(kind: string, count: number): Promise<void>
  ended(): Promise<readonly [code: number, reason: string]>
  leave(): void
}

export interface SocketOptions {
  readonly protocols?: readonly string[]
  readonly headers?: Readonly<Record<string, string>>
}

/** Connects. Rejects with an error whose message has the status when the upgrade is refused. */
export async function openSocket(url: string, options: SocketOptions = {}): Promise<SocketClient> {
  const { protocols = ['penknife.v1'], headers = {} } = options
  const socket = new WebSocket(url.replace(/^http/, 'ws'), [...protocols], { headers })
  const frames: SocketFrame[] = []
  let closed: readonly [number, string] | undefined
  let n = 0
  onTestFinished(() => socket.terminate())
  socket.on('message', (data: Buffer) => frames.push(JSON.parse(data.toString()) as SocketFrame))
  socket.on('close', (code, reason) => (closed = [code, reason.toString()]))
  await once(socket, 'open')
  socket.on('error', () => {})

  async function ask(frame: object): Promise<SocketFrame> {
    const mine = n++
    socket.send(JSON.stringify({ ...frame, n: mine }))
    const find = (): SocketFrame | undefined => frames.find((one) => one.kind === 'reply' && one.n === mine)
    await until(`the reply to ${JSON.stringify(frame)}`, () => find() !== undefined || closed !== undefined)
    return find() as SocketFrame
  }

  return {
    frames,
    get closed() {
      return closed
    },
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    send(frame) {
      socket.send(typeof frame === 'string' || Buffer.isBuffer(frame) ? frame : JSON.stringify(frame))
    },
    ask,
    subscribe: (channels) => ask({ kind: 'subscribe', channels }),
    seen: (...kinds) =>
      frames
        .filter(({ kind }) => kinds.includes(kind))
        .map(({ kind, channel, data }) => (data === undefined ? [kind, channel] : [kind, channel, data])),
    position: (channel) => frames.findLast((frame) => frame.channel === channel && frame.id)?.id ?? null,
    has: (kind, count) =>
      until(`${count} of ${kind}`, () => frames.filter((frame) => frame.kind === kind).length >= count),
    async ended() {
      await until('the end', () => closed !== undefined)
      return closed as readonly [number, string]
    },
    leave: () => socket.terminate(),
  }
}
