import type { WebSocket } from 'ws'

import type { Authorize, Connection } from '../session/connection.ts'
import { type ReplyContent, replyFrame, violation } from './frames.ts'
import { type ClientFrame, readFrame } from './requests.ts'
import type { SocketTransport } from './transport.ts'

/** A client that does not answer the close frame within this time is disconnected. */
const GRACE_MS = 1000
/** With more unsent bytes than this, pings get no answer. */
const MOST_UNSENT = 65_536
/** The most frames of a client that wait for the one before. */
const MOST_WAITING = 100
/** Frames that a client may send at once, and a second. */
const BURST = 100
const PER_SECOND = 20

/** The settings of all clients of one middleware. */
export interface ClientSettings<Request> {
  /** Returns those of the channels that the client may follow. */
  readonly allowed: (request: Request, channels: readonly string[]) => Promise<readonly string[]>
  /** Checks a token. Undefined: clients cannot renew their rights. */
  readonly renew: ((request: Request, token: string) => Promise<boolean>) | undefined
  readonly perUser: number | undefined
  /** Reports that a callback of the application failed. */
  readonly report: (fault: unknown) => void
}

/**
 * Answers the frames of one WebSocket. Every frame is hostile until it was checked: the first one that breaks the protocol,
 * and one too many, close the socket with a code and the reason. Frames are answered in their order, pings at once.
 *
 * A server has one for each client, so it consists of few objects.
 */
export class SocketClient<Request> {
  readonly #settings: ClientSettings<Request>
  readonly #request: Request
  readonly #webSocket: WebSocket
  readonly #transport: SocketTransport
  readonly #connection: Connection
  /** Resolves when the frames so far were answered. Undefined: none waits. */
  #last: Promise<void> | undefined
  #waiting = 0
  /** Frames that count against the pace now, and when that was computed. */
  #used = 0
  #countedAt = 0

  constructor(
    settings: ClientSettings<Request>,
    request: Request,
    webSocket: WebSocket,
    transport: SocketTransport,
    connection: Connection,
  ) {
    this.#settings = settings
    this.#request = request
    this.#webSocket = webSocket
    this.#transport = transport
    this.#connection = connection
  }

  /** Begins to answer. */
  listen(): void {
    const webSocket = this.#webSocket
    webSocket.on('message', (data: Buffer, isBinary: boolean) => this.#receive(data, isBinary))
    webSocket.on('ping', (data: Buffer) => this.#ping(data))
    webSocket.on('pong', () => this.#counts())
    // A frame that ws refuses: 'close' follows, and ws sends the code that says why.
    webSocket.on('error', ignore)
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (!this.#counts()) return
    if (isBinary) return this.#refuse(1003, 'frames are text')
    const frame = readFrame(data.toString())
    if (typeof frame === 'string') return this.#refuse(1008, frame)
    if (frame.kind === 'ping') return this.#reply(frame.n)
    if (this.#waiting >= MOST_WAITING) return this.#refuse(1008, 'too many frames')
    this.#waiting += 1
    this.#last = (this.#last ?? Promise.resolve()).then(() => this.#answer(frame)).finally(() => this.#done())
  }

  #done(): void {
    this.#waiting -= 1
    if (this.#waiting === 0) this.#last = undefined
  }

  #ping(data: Buffer): void {
    // A client that floods pings and reads nothing fills no buffer.
    if (this.#counts() && this.#transport.writer.unsentBytes < MOST_UNSENT) this.#webSocket.pong(data)
  }

  /** Whether the client may send another frame. */
  #counts(): boolean {
    if (this.#transport.writer.closed) return false
    this.#transport.heard()
    const now = performance.now()
    this.#used = Math.max(0, this.#used - ((now - this.#countedAt) / 1000) * PER_SECOND) + 1
    this.#countedAt = now
    if (this.#used <= BURST) return true
    this.#refuse(1008, 'too many frames')
    return false
  }

  #refuse(code: number, reason: string): void {
    void this.#transport.end(violation(code, reason), GRACE_MS)
  }

  #reply(n: number, content?: ReplyContent): void {
    this.#transport.writer.write(replyFrame(n, content))
  }

  async #answer(frame: ClientFrame): Promise<void> {
    if (this.#transport.writer.closed) return
    if (frame.kind === 'subscribe') return this.#subscribe(frame)
    if (frame.kind === 'auth') return this.#auth(frame)
    if (frame.kind === 'unsubscribe') this.#connection.leave(frame.channels)
    this.#reply(frame.n)
  }

  async #subscribe({ n, channels }: ClientFrame & { kind: 'subscribe' }): Promise<void> {
    try {
      const refused = await this.#connection.join(channels, this.#authorize())
      this.#reply(n, { refused })
      this.#connection.open([...channels.keys()].filter((channel) => !refused.has(channel)))
    } catch (error) {
      this.#settings.report(error)
      this.#reply(n, { error: 'failed' })
    }
  }

  async #auth({ n, token }: ClientFrame & { kind: 'auth' }): Promise<void> {
    const { renew, perUser, report } = this.#settings
    if (!renew) return this.#reply(n, { error: 'unsupported' })
    try {
      if (!(await renew(this.#request, token))) return this.#reply(n, { error: 'forbidden' })
    } catch (error) {
      report(error)
      return this.#reply(n, { error: 'failed' })
    }
    try {
      const again = await this.#connection.renew(perUser, this.#authorize())
      this.#reply(n)
      this.#connection.open(again)
    } catch (error) {
      report(error)
      await this.#connection.end('reconnect')
    }
  }

  #authorize(): Authorize {
    return (channels) => this.#settings.allowed(this.#request, channels)
  }
}

function ignore(): void {}
