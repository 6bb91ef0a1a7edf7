import type { ServerResponse } from 'node:http'

import { runSafely } from '@penknife/core/internal'

import { cutOff } from '../exchange/ending.ts'
import type { Flushes } from '../flushes.ts'
import type { Part, Piece } from '../piece.ts'
import type { SharedWriter } from '../stream-writer.ts'
import { DEFAULT_MAX_UNSENT_BYTES, MAX_QUEUED_BYTES } from '../writer.ts'
import type { Readable } from './body.ts'
import type { FetchCarrier } from './carrier.ts'

export interface FetchWriterOptions {
  readonly flushes: Flushes
  /** Default: 1 MB. */
  readonly maxUnsentBytes?: number | undefined
  /** The client has left already: the writer is closed from the start. */
  readonly tooLate: boolean
}

/** With more bytes than this that the server has not taken, a client counts as slow. It is the high-water mark of a socket. */
const FULL_BYTES = 16_384

/**
 * Writes a response's body as a ReadableStream. The server pulls when its client can take more, so what it has not pulled is
 * unsent; above `maxUnsentBytes` the stream breaks.
 *
 * A server has one for each client, so it consists of few objects.
 */
export class FetchWriter implements SharedWriter {
  readonly body: Readable
  readonly #carrier: FetchCarrier
  readonly #flushes: Flushes
  readonly #maxUnsentBytes: number
  #controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>> | undefined
  /** Set while the server waits for bytes. */
  #pulled: (() => void) | undefined
  #queue: Part[] = []
  #queued = 0
  /** Pieces that were flushed, and that the server has not pulled. */
  #pieces: Uint8Array[] = []
  #unpulled = 0
  #ended = false
  #closed: boolean
  #closeListeners: (() => void)[] = []
  #drainListeners: (() => void)[] = []

  constructor(carrier: FetchCarrier, { flushes, maxUnsentBytes, tooLate }: FetchWriterOptions) {
    this.#carrier = carrier
    this.#flushes = flushes
    this.#maxUnsentBytes = maxUnsentBytes ?? DEFAULT_MAX_UNSENT_BYTES
    this.#closed = tooLate
    this.body = new ReadableStream(
      {
        start: (controller) => {
          this.#controller = controller
        },
        pull: () => this.#pull(),
        cancel: () => this.#carrier.ending.end('aborted'),
      },
      { highWaterMark: 0 },
    )
    carrier.onEnd(() => this.#close())
  }

  get unsentBytes(): number {
    const { node } = this.#carrier
    const taken = node ? (node.outgoing as ServerResponse).writableLength : 0
    return taken + this.#unpulled + this.#queued
  }

  get closed(): boolean {
    return this.#closed
  }

  get full(): boolean {
    return this.#unpulled > FULL_BYTES
  }

  /** There is none: the server has it. */
  get socket(): undefined {
    return undefined
  }

  write(part: Part): void {
    if (this.#closed || part.length === 0) return
    this.#queued += part.length
    if (this.#queue.push(part) === 1) this.#flushes.schedule(this)
    if (this.#queued > Math.min(this.#maxUnsentBytes, MAX_QUEUED_BYTES)) this.flush()
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
    this.#ended = true
    this.#feed()
    this.#close()
  }

  finished(graceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.destroy()
        resolve()
      }, graceMs)
      this.#carrier.onEnd(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  destroy(): void {
    const { node, ending } = this.#carrier
    if (node) cutOff(node.outgoing)
    else this.#controller?.error(new Error('the stream was cut'))
    ending.end('aborted')
    this.#close()
  }

  flush(): void {
    if (this.#queue.length === 0) return
    const piece = this.#flushes.pieceOf(this.#queue)
    this.#queue = []
    this.#queued = 0
    if (this.send(piece)) this.#drained()
  }

  send({ bytes }: Piece): boolean {
    if (this.#closed) return true
    if (this.#unpulled > this.#maxUnsentBytes) {
      this.destroy()
      return true
    }
    this.#pieces.push(bytes)
    this.#unpulled += bytes.byteLength
    this.#feed()
    return !this.full
  }

  /** The bytes count as unpulled already. */
  filled(): void {}

  #pull(): Promise<void> {
    return new Promise((resolve) => {
      this.#pulled = resolve
      this.#feed()
      if (this.#unpulled === 0) this.#drained()
    })
  }

  /** Gives the server one piece, or the end, if it waits for one. */
  #feed(): void {
    if (!this.#pulled) return
    const piece = this.#pieces.shift()
    if (piece) {
      this.#unpulled -= piece.byteLength
      this.#controller?.enqueue(piece as Uint8Array<ArrayBuffer>)
    } else if (this.#ended) {
      this.#controller?.close()
      this.#carrier.ending.end('finished')
    } else return
    const pulled = this.#pulled
    this.#pulled = undefined
    pulled()
  }

  #drained(): void {
    if (this.#drainListeners.length === 0) return
    const listeners = this.#drainListeners
    this.#drainListeners = []
    for (const listener of listeners) call(listener)
  }

  #close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#queue = []
    this.#queued = 0
    const listeners = this.#closeListeners
    this.#closeListeners = []
    this.#drainListeners = []
    for (const listener of listeners) call(listener)
  }
}

/** A listener that fails must not end the process. */
function call(listener: () => unknown): void {
  runSafely('a listener of a stream writer failed', listener)
}
