import type { WebSocket } from 'ws'

import { violation } from './frames.ts'
import type { SocketWriter } from './writer.ts'

/** The most bytes of a client's frame. */
export const MAX_FRAME = 32_768
/** A client that does not answer the close frame within this time is disconnected. */
const GRACE_MS = 1000
/** With more unsent bytes than this, pings get no answer. */
const MOST_UNSENT = 65_536
/** The most frames of a client that wait for the one before. */
const MOST_WAITING = 100
/** Frames that a client may send at once, and a second. */
const BURST = 100
const PER_SECOND = 20

/** A frame of a client. `n` is the number that the reply repeats. */
export interface NumberedFrame {
  readonly kind: unknown
  readonly n: number
}

/** What the clients of one middleware may send, and how it is answered. */
export interface SocketProtocol<Frame extends NumberedFrame, Peer> {
  /** Checks a client's text. Returns what is wrong with it, if anything is. */
  read(text: string): Frame | string
  /** Answers every frame but pings. It must not reject. */
  answer(peer: Peer, frame: Exclude<Frame, { readonly kind: 'ping' }>): Promise<void>
}

/**
 * Reads the frames of one WebSocket. Every frame is hostile until it was checked: the first one that breaks the protocol,
 * and one too many, close the socket with a code and the reason. Frames are answered in their order, pings at once.
 *
 * A server has one for each client, so it consists of few objects.
 */
export class SocketClient<Frame extends NumberedFrame, Peer> {
  readonly #protocol: SocketProtocol<Frame, Peer>
  readonly #peer: Peer
  readonly #webSocket: WebSocket
  readonly #writer: SocketWriter
  /** Resolves when the frames so far were answered. Undefined: none waits. */
  #last: Promise<void> | undefined
  #waiting = 0
  /** Frames that count against the pace now, and when that was computed. */
  #used = 0
  #countedAt = 0

  /** @param peer what the protocol knows of this client */
  constructor(protocol: SocketProtocol<Frame, Peer>, peer: Peer, webSocket: WebSocket, writer: SocketWriter) {
    this.#protocol = protocol
    this.#peer = peer
    this.#webSocket = webSocket
    this.#writer = writer
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
    const frame = this.#protocol.read(data.toString())
    if (typeof frame === 'string') return this.#refuse(1008, frame)
    if (frame.kind === 'ping') return this.#writer.write(replyFrame(frame.n))
    if (this.#waiting >= MOST_WAITING) return this.#refuse(1008, 'too many frames')
    this.#waiting += 1
    this.#last = (this.#last ?? Promise.resolve()).then(() => this.#answer(frame)).finally(() => this.#done())
  }

  async #answer(frame: Frame): Promise<void> {
    if (this.#writer.closed) return
    await this.#protocol.answer(this.#peer, frame as Exclude<Frame, { readonly kind: 'ping' }>)
  }

  #done(): void {
    this.#waiting -= 1
    if (this.#waiting === 0) this.#last = undefined
  }

  #ping(data: Buffer): void {
    // A client that floods pings and reads nothing fills no buffer.
    if (this.#counts() && this.#writer.unsentBytes < MOST_UNSENT) this.#webSocket.pong(data)
  }

  /** Whether the client may send another frame. */
  #counts(): boolean {
    if (this.#writer.closed) return false
    this.#writer.heard()
    const now = performance.now()
    this.#used = Math.max(0, this.#used - ((now - this.#countedAt) / 1000) * PER_SECOND) + 1
    this.#countedAt = now
    if (this.#used <= BURST) return true
    this.#refuse(1008, 'too many frames')
    return false
  }

  #refuse(code: number, reason: string): void {
    void this.#writer.leave(violation(code, reason), GRACE_MS)
  }
}

/** The object of a client's text. Returns what is wrong with it, if anything is. */
export function numbered(text: string): (NumberedFrame & Readonly<Record<string, unknown>>) | string {
  const frame = parse(text)
  if (typeof frame !== 'object' || frame === null || Array.isArray(frame)) return 'a frame is a JSON object'
  const { n } = frame as { readonly n?: unknown }
  if (typeof n !== 'number' || !Number.isSafeInteger(n) || n < 0) return 'n must be a whole number'
  return frame as NumberedFrame & Readonly<Record<string, unknown>>
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export function replyFrame(n: number, content: object = {}): string {
  return JSON.stringify({ kind: 'reply', n, ...content })
}

function ignore(): void {}
