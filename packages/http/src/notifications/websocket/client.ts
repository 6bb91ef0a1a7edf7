import type { WebSocket } from 'ws'

import type { Authorize, Connection } from '../session/connection.ts'
import { type ReplyContent, replyFrame, violation } from './frames.ts'
import { createPace } from './pace.ts'
import { type ClientFrame, readFrame } from './requests.ts'
import type { SocketTransport } from './transport.ts'

/** A client that does not answer the close frame within this time is disconnected. */
const GRACE_MS = 1000
/** With more unsent bytes than this, pings get no answer. */
const MOST_UNSENT = 65_536
/** The most frames of a client that wait for the one before. */
const MOST_WAITING = 100

export interface ClientOptions {
  readonly connection: Connection
  readonly authorize: Authorize
  /** Checks a token. Undefined: clients cannot renew their rights. */
  readonly renew: ((token: string) => Promise<boolean>) | undefined
  readonly perUser: number | undefined
  /** Reports that a callback of the application failed. */
  readonly report: (fault: unknown) => void
}

/**
 * Answers the frames of one WebSocket. Every frame is hostile until it was checked: the first one that breaks the protocol,
 * and one too many, close the socket with a code and the reason. Frames are answered in their order, pings at once.
 */
export function serveClient(webSocket: WebSocket, transport: SocketTransport, options: ClientOptions): void {
  const { connection, authorize, renew, perUser, report } = options
  const { writer } = transport
  const isInTime = createPace()
  let last = Promise.resolve()
  let waiting = 0

  function refuse(code: number, reason: string): void {
    void transport.end(violation(code, reason), GRACE_MS)
  }

  /** Whether the client may send another frame. */
  function counts(): boolean {
    if (writer.closed) return false
    transport.heard()
    if (isInTime()) return true
    refuse(1008, 'too many frames')
    return false
  }

  function reply(n: number, content?: ReplyContent): void {
    writer.write(replyFrame(n, content))
  }

  async function subscribe({ n, channels }: ClientFrame & { kind: 'subscribe' }): Promise<void> {
    try {
      const refused = await connection.join(channels, authorize)
      reply(n, { refused })
      connection.open([...channels.keys()].filter((channel) => !refused.has(channel)))
    } catch (error) {
      report(error)
      reply(n, { error: 'failed' })
    }
  }

  async function auth({ n, token }: ClientFrame & { kind: 'auth' }): Promise<void> {
    if (!renew) return reply(n, { error: 'unsupported' })
    try {
      if (!(await renew(token))) return reply(n, { error: 'forbidden' })
    } catch (error) {
      report(error)
      return reply(n, { error: 'failed' })
    }
    try {
      const again = await connection.renew(perUser, authorize)
      reply(n)
      connection.open(again)
    } catch (error) {
      report(error)
      await connection.end('reconnect')
    }
  }

  async function answer(frame: ClientFrame): Promise<void> {
    if (writer.closed) return
    if (frame.kind === 'subscribe') return subscribe(frame)
    if (frame.kind === 'auth') return auth(frame)
    if (frame.kind === 'unsubscribe') connection.leave(frame.channels)
    reply(frame.n)
  }

  webSocket.on('message', (data: Buffer, isBinary: boolean) => {
    if (!counts()) return
    if (isBinary) return refuse(1003, 'frames are text')
    const frame = readFrame(data.toString())
    if (typeof frame === 'string') return refuse(1008, frame)
    if (frame.kind === 'ping') return reply(frame.n)
    if (waiting >= MOST_WAITING) return refuse(1008, 'too many frames')
    waiting += 1
    last = last.then(() => answer(frame)).finally(() => (waiting -= 1))
  })
  webSocket.on('ping', (data: Buffer) => {
    // A client that floods pings and reads nothing fills no buffer.
    if (counts() && writer.unsentBytes < MOST_UNSENT) webSocket.pong(data)
  })
  webSocket.on('pong', counts)
  // A frame that ws refuses: 'close' follows, and ws sends the code that says why.
  webSocket.on('error', () => {})
  writer.onClose(() => connection.close())
}
