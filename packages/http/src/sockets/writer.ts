import type { Socket } from 'node:net'

import { runSafely } from '@penknife/core/internal'
import type { WebSocket } from 'ws'

import type { Flushes } from '../flushes.ts'
import type { Part, Piece } from '../piece.ts'
import type { SharedWriter } from '../stream-writer.ts'
import { DEFAULT_MAX_UNSENT_BYTES, MAX_QUEUED_BYTES } from '../writer.ts'
import { type Goodbye, HEARTBEAT } from './frames.ts'

const EMPTY: readonly Part[] = []
const NONE: readonly (() => void)[] = []
const OPEN = 1
/** A client that was silent for so many heartbeats is disconnected. Clients answer each heartbeat. */
const SILENT_BEATS = 3

/**
 * Writes frames of a server to a WebSocket, those of a tick in one write. The bytes skip `ws`, which would frame them again
 * for each client. That is safe because nothing else here is fragmented or compressed, and nothing follows a close frame.
 */
export class SocketWriter implements SharedWriter {
  readonly #webSocket: WebSocket
  readonly #socket: Socket
  readonly #flushes: Flushes
  #queue = EMPTY
  #queued = 0
  #closed = false
  #full = false
  #silentBeats = 0
  readonly #onClose: () => void
  #closeListeners: readonly (() => void)[] = NONE
  #drainListeners: readonly (() => void)[] = NONE

  /** @param onClose called once, when either side has ended it */
  constructor(webSocket: WebSocket, socket: Socket, flushes: Flushes, onClose: () => void) {
    this.#webSocket = webSocket
    this.#socket = socket
    this.#flushes = flushes
    this.#onClose = onClose
    webSocket.on('close', () => this.#close())
  }

  get socket(): Socket {
    return this.#socket
  }

  get unsentBytes(): number {
    return this.#socket.writableLength + this.#queued
  }

  get full(): boolean {
    return this.#full
  }

  get closed(): boolean {
    return this.#closed
  }

  write(part: Part): void {
    if (this.#closed) return
    this.#queued += part.length
    if (this.#queue.length > 0) (this.#queue as Part[]).push(part)
    else {
      this.#queue = [part]
      this.#flushes.schedule(this)
    }
    if (this.#queued > MAX_QUEUED_BYTES) this.flush()
  }

  flush(): void {
    if (this.#queue.length === 0) return
    const piece = this.#flushes.pieceOf(this.#queue)
    this.#drop()
    if (this.send(piece)) this.#drained()
  }

  send({ chunk }: Piece): boolean {
    if (this.#webSocket.readyState !== OPEN || !this.#socket.writable) return true
    if (this.#socket.writableLength > DEFAULT_MAX_UNSENT_BYTES) {
      this.destroy()
      return true
    }
    const room = this.#socket.write(chunk)
    if (!room) this.filled()
    return room
  }

  filled(): void {
    if (this.#full) return
    this.#full = true
    this.#socket.once('drain', () => this.#drained())
  }

  onClose(listener: () => void): void {
    if (this.#closed) call(listener)
    else this.#closeListeners = [...this.#closeListeners, listener]
  }

  onDrain(listener: () => void): void {
    if (this.#closed) return
    if (this.#drainListeners.length === 0) this.#drainListeners = [listener]
    else (this.#drainListeners as (() => void)[]).push(listener)
  }

  end(): void {
    this.flush()
    this.#webSocket.close()
    this.#close()
  }

  /** Sends the queue and the goodbye, and begins the closing handshake. Nothing is written after it. */
  close({ code, reason, text }: Goodbye): void {
    this.write(text)
    this.flush()
    this.#webSocket.close(code, reason)
    this.#close()
  }

  /** As `close`; resolves when everything was sent, and cuts the connection after `graceMs`. */
  leave(goodbye: Goodbye, graceMs: number): Promise<void> {
    this.close(goodbye)
    return this.finished(graceMs)
  }

  /** The client sent something. */
  heard(): void {
    this.#silentBeats = 0
  }

  keepAlive(): void {
    this.#silentBeats += 1
    if (this.#silentBeats > SILENT_BEATS) this.destroy()
    else if (this.unsentBytes === 0) this.send(HEARTBEAT)
  }

  finished(graceMs: number): Promise<void> {
    if (this.#socket.destroyed) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.destroy(), graceMs)
      this.#socket.once('close', () => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  destroy(): void {
    this.#webSocket.terminate()
    this.#close()
  }

  #drop(): void {
    this.#queue = EMPTY
    this.#queued = 0
  }

  #drained(): void {
    this.#full = false
    const listeners = this.#drainListeners
    this.#drainListeners = NONE
    for (const listener of listeners) call(listener)
  }

  #close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#drop()
    const listeners = this.#closeListeners
    this.#closeListeners = NONE
    this.#drainListeners = NONE
    call(this.#onClose)
    for (const listener of listeners) call(listener)
  }
}

function call(listener: () => unknown): void {
  runSafely('a listener of a socket writer failed', listener)
}
