import type { ServerResponse } from 'node:http'

import type { NativeResponse } from './exchange/exchange.ts'
import { isGone, isSettled } from './exchange/ending.ts'

/** Writes a response bit by bit; all that is written in one turn of the event loop goes out in one write. */
export interface StreamWriter {
  /** Queues text (sent as UTF-8) or bytes for the end of this turn. Nothing happens once it is closed. */
  write(chunk: string | Uint8Array): void
  /** Bytes that the client has not taken yet, without those of this turn. */
  readonly unsentBytes: number
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

/**
 * A writer over a response whose headers are set; closed from the start when it is too late to write.
 *
 * A client that does not keep up is cut off when more than `maxUnsentBytes` wait for it and there is more to say;
 * so one connection holds at most twice that and one chunk. What it got until then it keeps.
 */
export function createWriter(
  native: NativeResponse,
  maxUnsentBytes: number = DEFAULT_MAX_UNSENT_BYTES,
  tooLate: boolean = isGone(native),
): StreamWriter {
  const response = native as ServerResponse
  let queue: Chunk[] = []
  let queued = 0
  let closed = tooLate
  let listeners: (() => void)[] = []

  function close(): void {
    if (closed) return
    closed = true
    out.takeQueue()
    const told = listeners
    listeners = []
    for (const listener of told) listener()
  }
  response.once('close', close)
  // Writing to a socket the client just reset is no news: 'close' follows.
  response.on('error', () => {})

  function destroy(): void {
    if ('stream' in native) native.stream.destroy()
    else native.destroy()
    close()
  }

  const out: Flushable = {
    takeQueue() {
      const taken = queue
      queue = []
      queued = 0
      return taken
    },
    send(bytes) {
      if (closed) return
      if (response.writableLength > maxUnsentBytes) destroy()
      else response.write(bytes)
    },
  }

  return {
    write(chunk) {
      if (closed || chunk.length === 0) return
      queued += chunk.length
      if (queue.push(chunk) === 1) schedule(out)
      if (queued > maxUnsentBytes) out.send(join(out.takeQueue()))
    },
    get unsentBytes() {
      return response.writableLength
    },
    get closed() {
      return closed
    },
    onClose(listener) {
      if (closed) listener()
      else listeners.push(listener)
    },
    end() {
      if (closed) return
      const rest = out.takeQueue()
      if (rest.length > 0) out.send(join(rest))
      if (!response.writableEnded && !response.destroyed) response.end()
      close()
    },
    finished(graceMs) {
      if (isSettled(native)) return Promise.resolve()
      return new Promise((resolve) => {
        const timer = setTimeout(destroy, graceMs)
        response.once('close', () => {
          clearTimeout(timer)
          resolve()
        })
      })
    },
    destroy,
  }
}

/** A writer as the turn's flush sees it. */
interface Flushable {
  takeQueue(): readonly Chunk[]
  send(bytes: Uint8Array): void
}

let due: Flushable[] = []

function schedule(writer: Flushable): void {
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
