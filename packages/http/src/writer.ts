import { ServerResponse } from 'node:http'

import type { NativeResponse } from './exchange/exchange.ts'
import { isGone, isSettled } from './exchange/ending.ts'

/** Writes a response bit by bit; all that is written in one turn of the event loop goes out in one write. */
export interface StreamWriter {
  /** Queues text (sent as UTF-8) or bytes for the end of this turn. Nothing happens once it is closed. */
  write(chunk: string | Uint8Array): void
  /** Bytes (of text: characters) that the client has not taken yet. */
  readonly unsentBytes: number
  /** Calls once when the client took all that was written, or some of it was on its way the last time one looked. */
  onDrain(listener: () => void): void
  /** Ended by either side. */
  readonly closed: boolean
  /** Calls once when the stream is over, for whichever reason; at once when it is already. */
  onClose(listener: () => void): void
  /** Sends what is queued and ends the response. */
  end(): void
  /** Resolves when the connection took everything after `end`, or is cut off `graceMs` later. */
  finished(graceMs: number): Promise<void>
  /** Cuts the connection (on HTTP/2 the stream) and drops what is queued. */
  destroy(): void
}

type Chunk = string | Uint8Array

const DEFAULT_MAX_UNSENT_BYTES = 1_048_576

export interface WriterOptions {
  /** Default: 1 MB. */
  readonly maxUnsentBytes?: number | undefined
  /** Nothing can be written any more: closed from the start. */
  readonly tooLate?: boolean
  /** On the wire the body is just its bytes up to the end of the connection: HTTP/1, no chunks, no length. */
  readonly bare?: boolean
}

/** A writer over a response whose headers are set. */
export function createWriter(native: NativeResponse, options: WriterOptions = {}): StreamWriter {
  return new ResponseWriter(native, options)
}

/** What `write` is of a response that nobody wrapped it of, as compressors and byte counters do. */
const { write: plainWrite } = ServerResponse.prototype

/**
 * A client that does not keep up is cut off when more than `maxUnsentBytes` wait for it and there is more to say;
 * so one connection holds at most twice that and one chunk. What it got until then it keeps.
 *
 * There is one for each client of a server: it is made of few objects.
 */
class ResponseWriter implements StreamWriter {
  readonly #native: NativeResponse
  readonly #maxUnsentBytes: number
  readonly #bare: boolean
  #queue: Chunk[] = []
  #queued = 0
  #closed: boolean
  /** For 'drain' of the socket. */
  #waiting = false
  #closeListeners: (() => void)[] = []
  #drainListeners: (() => void)[] = []

  constructor(native: NativeResponse, options: WriterOptions) {
    this.#native = native
    this.#maxUnsentBytes = options.maxUnsentBytes ?? DEFAULT_MAX_UNSENT_BYTES
    this.#bare = options.bare ?? false
    this.#closed = options.tooLate ?? isGone(native)
    const response = native as ServerResponse
    response.once('close', () => this.#close())
    response.on('drain', () => this.#drained())
    // Writing to a socket the client just reset is no news: 'close' follows.
    response.on('error', ignore)
  }

  get unsentBytes(): number {
    return (this.#native as ServerResponse).writableLength + this.#queued
  }

  get closed(): boolean {
    return this.#closed
  }

  write(chunk: Chunk): void {
    if (this.#closed || chunk.length === 0) return
    this.#queued += chunk.length
    if (this.#queue.push(chunk) === 1) schedule(this)
    if (this.#queued > this.#maxUnsentBytes) this.send(join(this.takeQueue()))
  }

  onClose(listener: () => void): void {
    if (this.#closed) listener()
    else this.#closeListeners.push(listener)
  }

  onDrain(listener: () => void): void {
    if (!this.#closed) this.#drainListeners.push(listener)
  }

  end(): void {
    if (this.#closed) return
    const rest = this.takeQueue()
    if (rest.length > 0) this.send(join(rest))
    const response = this.#native as ServerResponse
    if (!response.writableEnded && !response.destroyed) response.end()
    this.#close()
  }

  finished(graceMs: number): Promise<void> {
    if (isSettled(this.#native)) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.destroy(), graceMs)
      ;(this.#native as ServerResponse).once('close', () => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  destroy(): void {
    if ('stream' in this.#native) this.#native.stream.destroy()
    else this.#native.destroy()
    this.#close()
  }

  /** For the turn's flush. */
  takeQueue(): readonly Chunk[] {
    const taken = this.#queue
    this.#queue = []
    this.#queued = 0
    return taken
  }

  /** For the turn's flush. */
  send(bytes: Uint8Array): void {
    if (this.#closed) return
    const response = this.#native as ServerResponse
    if (response.writableLength > this.#maxUnsentBytes) this.destroy()
    else if (this.#pass(response, bytes)) this.#drained()
  }

  /**
   * Whether there is room for more. Where the body is just its bytes they go to the socket itself: the same bytes,
   * since `response.write` would add nothing, for a fifth less CPU. A response that waits behind another on its
   * connection has no socket yet.
   */
  #pass(response: ServerResponse, bytes: Uint8Array): boolean {
    const { socket } = response
    if (!this.#bare || response.write !== plainWrite || !socket?.writable) return response.write(bytes)
    const room = socket.write(bytes)
    // The response tells of 'drain' only after writes of its own.
    if (!room && !this.#waiting) {
      this.#waiting = true
      socket.once('drain', () => {
        this.#waiting = false
        this.#drained()
      })
    }
    return room
  }

  #drained(): void {
    if (this.#drainListeners.length === 0) return
    const told = this.#drainListeners
    this.#drainListeners = []
    for (const listener of told) listener()
  }

  #close(): void {
    if (this.#closed) return
    this.#closed = true
    this.takeQueue()
    const told = this.#closeListeners
    this.#closeListeners = []
    this.#drainListeners = []
    for (const listener of told) listener()
  }
}

function ignore(): void {}

let due: ResponseWriter[] = []

function schedule(writer: ResponseWriter): void {
  if (due.push(writer) === 1) setImmediate(flush)
}

/** Sends what each writer queued; writers that queued the same share its encoded bytes. */
function flush(): void {
  const writers = due
  due = []
  let last: readonly Chunk[] = []
  let bytes: Uint8Array = new Uint8Array()
  for (const writer of writers) {
    const queue = writer.takeQueue()
    if (queue.length === 0) continue
    if (!isSame(queue, last)) {
      last = queue
      bytes = join(queue)
    }
    writer.send(bytes)
  }
}

function isSame(a: readonly Chunk[], b: readonly Chunk[]): boolean {
  return a.length === b.length && a.every((chunk, at) => chunk === b[at])
}

function join(queue: readonly Chunk[]): Uint8Array {
  if (queue.every((chunk) => typeof chunk === 'string')) return Buffer.from(queue.join(''))
  return Buffer.concat(queue.map((chunk) => (typeof chunk === 'string' ? Buffer.from(chunk) : chunk)))
}
