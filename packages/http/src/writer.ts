import { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

import type { NativeResponse } from './exchange/exchange.ts'
import { isGone, isSettled } from './exchange/ending.ts'

/**
 * Writes a response bit by bit; all that is written in one turn of the event loop goes out in one write, or in one for
 * every 32 KiB.
 */
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
/** Goes out before the turn ends, so that what waits for a client is what it did not take. */
export const MOST_QUEUED_BYTES = 32_768

const EMPTY: Chunk[] = []

export interface WriterOptions {
  /** Default: 1 MB. */
  readonly maxUnsentBytes?: number | undefined
  /** Nothing can be written any more: closed from the start. */
  readonly tooLate?: boolean
  /** On the wire the body is just its bytes up to the end of the connection: HTTP/1, no chunks, no length. */
  readonly bare?: boolean
}

/** A writer over a response whose headers are set. */
export function createWriter(native: NativeResponse, options: WriterOptions = {}): ResponseWriter {
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
export class ResponseWriter implements StreamWriter {
  readonly #native: NativeResponse
  readonly #maxUnsentBytes: number
  readonly #maxQueuedBytes: number
  readonly #bare: boolean
  #queue: Chunk[] = EMPTY
  #queued = 0
  #closed: boolean
  #full = false
  #closeListeners: (() => void)[] = []
  #drainListeners: (() => void)[] = []

  constructor(native: NativeResponse, options: WriterOptions) {
    this.#native = native
    this.#maxUnsentBytes = options.maxUnsentBytes ?? DEFAULT_MAX_UNSENT_BYTES
    this.#maxQueuedBytes = Math.min(this.#maxUnsentBytes, MOST_QUEUED_BYTES)
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

  /** The last write found no room, and the client did not take all of it yet. */
  get full(): boolean {
    return this.#full
  }

  /**
   * What takes the bytes where the body is just its bytes: the same bytes, since `response.write` would add nothing but
   * CPU time (a row of its own in `pnpm bench notifier.steady`). A response that waits behind another on its connection has no socket yet.
   */
  get socket(): Socket | undefined {
    const response = this.#native as ServerResponse
    const { socket } = response
    return this.#bare && response.write === plainWrite && socket?.writable ? socket : undefined
  }

  write(chunk: Chunk): void {
    if (this.#closed || chunk.length === 0) return
    this.#queued += chunk.length
    if (this.#queue.length > 0) this.#queue.push(chunk)
    else {
      this.#queue = [chunk]
      schedule(this)
    }
    if (this.#queued > this.#maxQueuedBytes) this.flush()
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
    this.flush()
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

  /** Sends what is queued. */
  flush(): void {
    if (this.#queue.length === 0) return
    const bytes = encode(this.#queue)
    this.#drop()
    if (this.send(bytes)) this.#drained()
  }

  /** Sends bytes past the queue; whether there is room for more. */
  send(bytes: Uint8Array): boolean {
    // 'close' follows; a write would be an error, which frameworks report.
    if (!this.#bare && isGone(this.#native)) return true
    const response = this.#native as ServerResponse
    if (response.writableLength > this.#maxUnsentBytes) {
      this.destroy()
      return true
    }
    const room = (this.socket ?? response).write(bytes)
    if (!room) this.filled()
    return room
  }

  /** A write to the socket found no room. */
  filled(): void {
    if (this.#full) return
    this.#full = true
    // The response tells of 'drain' only after writes of its own.
    this.socket?.once('drain', () => this.#drained())
  }

  #drop(): void {
    this.#queue = EMPTY
    this.#queued = 0
  }

  #drained(): void {
    this.#full = false
    if (this.#drainListeners.length === 0) return
    const told = this.#drainListeners
    this.#drainListeners = []
    for (const listener of told) listener()
  }

  #close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#drop()
    const told = this.#closeListeners
    this.#closeListeners = []
    this.#drainListeners = []
    for (const listener of told) listener()
  }
}

function ignore(): void {}

let due: { flush(): void }[] = []

/** Flushes it at the end of the turn. */
export function schedule(writer: { flush(): void }): void {
  if (due.push(writer) === 1) setImmediate(flushAll)
}

function flushAll(): void {
  const writers = due
  due = []
  for (const writer of writers) writer.flush()
  encoded = NOTHING
}

interface Encoded {
  readonly queue: readonly Chunk[]
  readonly bytes: Uint8Array
}

const NOTHING: Encoded = { queue: EMPTY, bytes: new Uint8Array() }
/** By the writer before: those that queued the same share its bytes. */
let encoded = NOTHING

function encode(queue: readonly Chunk[]): Uint8Array {
  if (!isSame(queue, encoded.queue)) encoded = { queue, bytes: join(queue) }
  return encoded.bytes
}

function isSame(a: readonly Chunk[], b: readonly Chunk[]): boolean {
  return a.length === b.length && a.every((chunk, at) => chunk === b[at])
}

export function join(queue: readonly Chunk[]): Uint8Array {
  if (queue.every((chunk) => typeof chunk === 'string')) return Buffer.from(queue.join(''))
  return Buffer.concat(queue.map((chunk) => (typeof chunk === 'string' ? Buffer.from(chunk) : chunk)))
}
