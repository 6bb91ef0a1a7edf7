import { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

import { runSafely } from '@penknife/core/internal'

import type { NativeResponse } from './exchange/exchange.ts'
import { cutOff, endingOf, isGone } from './exchange/ending.ts'
import { createFlushes, type Flushes } from './flushes.ts'
import type { Part, Piece } from './piece.ts'
import type { SharedWriter } from './stream-writer.ts'

export const DEFAULT_MAX_UNSENT_BYTES = 1_048_576
/** With more queued bytes than this, the queue is sent before the tick ends. */
export const MAX_QUEUED_BYTES = 32_768

const EMPTY: readonly Part[] = []

export interface WriterOptions {
  /** Default: 1 MB. */
  readonly maxUnsentBytes?: number | undefined
  /** The response has ended or begun already: the writer is closed from the start. */
  readonly tooLate?: boolean | undefined
  /** Flushes this writer together with others. Default: it is flushed alone. */
  readonly flushes?: Flushes | undefined
}

/** Makes a writer for a response whose headers are set. */
export function createWriter(native: NativeResponse, options: WriterOptions = {}): ResponseWriter {
  return new ResponseWriter(native, options)
}

/** The original `write` of a response. Compressors and byte counters replace it. */
const { write: plainWrite } = ServerResponse.prototype

/**
 * Cuts the connection of a slow client at a write, if it has more than `maxUnsentBytes` unsent. So a connection keeps at
 * most twice that and one chunk in memory.
 *
 * A server has one for each client, so it consists of few objects.
 */
export class ResponseWriter implements SharedWriter {
  readonly #native: NativeResponse
  readonly #flushes: Flushes
  readonly #maxUnsentBytes: number
  readonly #maxQueuedBytes: number
  #queue = EMPTY
  #queued = 0
  #closed: boolean
  #full = false
  #closeListeners: (() => void)[] = []
  #drainListeners: (() => void)[] = []

  constructor(native: NativeResponse, options: WriterOptions) {
    this.#native = native
    this.#flushes = options.flushes ?? createFlushes()
    this.#maxUnsentBytes = options.maxUnsentBytes ?? DEFAULT_MAX_UNSENT_BYTES
    this.#maxQueuedBytes = Math.min(this.#maxUnsentBytes, MAX_QUEUED_BYTES)
    this.#closed = options.tooLate ?? isGone(native)
    const response = native as ServerResponse
    endingOf(native).onEnd(() => this.#close())
    response.on('drain', () => this.#drained())
    // A write to a socket that the client has just reset: 'close' follows.
    response.on('error', ignore)
  }

  get unsentBytes(): number {
    return (this.#native as ServerResponse).writableLength + this.#queued
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Whether the socket's buffer is full since the last write. */
  get full(): boolean {
    return this.#full
  }

  /**
   * The socket, for whole chunks that skip `response.write`, which would join the same bytes again for each client (a row of
   * its own in `pnpm bench notifier.steady`). Undefined in three cases: the response's body is not chunked, another program
   * replaced `write`, or the response waits behind another one on its connection.
   */
  get socket(): Socket | undefined {
    const response = this.#native as ServerResponse
    const { socket } = response
    return response.chunkedEncoding && response.write === plainWrite && socket?.writable ? socket : undefined
  }

  write(part: Part): void {
    if (this.#closed || part.length === 0) return
    this.#queued += part.length
    if (this.#queue.length > 0) (this.#queue as Part[]).push(part)
    else {
      this.#queue = [part]
      this.#flushes.schedule(this)
    }
    if (this.#queued > this.#maxQueuedBytes) this.flush()
  }

  onClose(listener: () => void): void {
    if (this.#closed) call(listener)
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
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.destroy()
        resolve()
      }, graceMs)
      endingOf(this.#native).onEnd(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  destroy(): void {
    cutOff(this.#native)
    this.#close()
  }

  /** Sends the queued parts. */
  flush(): void {
    if (this.#queue.length === 0) return
    const piece = this.#flushes.pieceOf(this.#queue)
    this.#drop()
    if (this.send(piece)) this.#drained()
  }

  /** Sends a piece without the queue. Returns whether the socket's buffer has room for more. */
  send({ bytes, chunk }: Piece): boolean {
    const { socket } = this
    // The response is ending. A write would be an error, which frameworks report.
    if (!socket && isGone(this.#native)) return true
    const response = this.#native as ServerResponse
    if (response.writableLength > this.#maxUnsentBytes) {
      this.destroy()
      return true
    }
    const room = socket ? socket.write(chunk) : response.write(bytes)
    if (!room) this.filled()
    return room
  }

  /** Called when a write filled the socket's buffer. */
  filled(): void {
    if (this.#full) return
    this.#full = true
    // The response emits 'drain' only after its own writes.
    this.socket?.once('drain', () => this.#drained())
  }

  #drop(): void {
    this.#queue = EMPTY
    this.#queued = 0
  }

  #drained(): void {
    this.#full = false
    if (this.#drainListeners.length === 0) return
    const listeners = this.#drainListeners
    this.#drainListeners = []
    for (const listener of listeners) call(listener)
  }

  #close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#drop()
    const listeners = this.#closeListeners
    this.#closeListeners = []
    this.#drainListeners = []
    for (const listener of listeners) call(listener)
  }
}

function ignore(): void {}

/** A listener that fails must not end the process. */
function call(listener: () => unknown): void {
  runSafely('a listener of a stream writer failed', listener)
}
