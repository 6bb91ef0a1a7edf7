import type { IncomingMessage, ServerResponse } from 'node:http'

import { stateOfResponse } from './state.ts'

type Write = (this: unknown, ...args: unknown[]) => unknown
type OnChunk = (chunk: Uint8Array | string, encoding: BufferEncoding) => void

/** What counts a response. */
interface Counter {
  readonly write: Write
  readonly end: Write
  readonly isHead: boolean
  readonly bytes: { out: number }
  /** On HTTP/2 `end` calls `write`: only the outermost call counts. */
  inside: boolean
}

const COUNTER = Symbol('penknife.counter')

interface Counted {
  [COUNTER]?: Counter
}

/**
 * Adds the sizes of the chunks of the response's body, of those that Node sends. Every request of a log is counted, so its functions are
 * shared: closures for each response cost more than all else that is done here.
 */
export function countResponse(response: ServerResponse, method: string, bytes: { out: number }): void {
  const state = stateOfResponse(response) as Counted
  if (state[COUNTER]) {
    tapResponse(response, method, (chunk, encoding) => (bytes.out += Buffer.byteLength(chunk, encoding)))
    return
  }
  const { write, end } = response as unknown as Record<'write' | 'end', Write>
  state[COUNTER] = { write, end, isHead: method === 'HEAD', bytes, inside: false }
  response.write = countedWrite as typeof response.write
  response.end = countedEnd as typeof response.end
}

function countedWrite(this: ServerResponse, ...args: unknown[]): unknown {
  const { [COUNTER]: counter } = stateOfResponse(this) as Required<Counted>
  return passOn(this, counter, counter.write, args)
}

function countedEnd(this: ServerResponse, ...args: unknown[]): unknown {
  const { [COUNTER]: counter } = stateOfResponse(this) as Required<Counted>
  return passOn(this, counter, counter.end, args)
}

function passOn(response: ServerResponse, counter: Counter, original: Write, args: unknown[]): unknown {
  if (counter.inside) return original.apply(response, args)
  const [chunk, encoding] = args
  if (isChunk(chunk) && !counter.isHead && isBodyStatus(response.statusCode)) {
    counter.bytes.out +=
      typeof chunk === 'string' ? Buffer.byteLength(chunk, encodingOf(encoding)) : chunk.byteLength
  }
  counter.inside = true
  try {
    return original.apply(response, args)
  } finally {
    counter.inside = false
  }
}

/**
 * Calls `onChunk` for every chunk of the response's body, by wrapping `write` and `end` of this response.
 *
 * It is not called for bodies that Node does not send (HEAD, 204, 304).
 */
export function tapResponse(response: ServerResponse, method: string, onChunk: OnChunk): void {
  let inside = false
  const wrap = (original: Write): Write =>
    function (this: unknown, ...args) {
      if (inside) return original.apply(this, args)
      const [chunk, encoding] = args
      if (isChunk(chunk) && hasBody(method, response.statusCode)) onChunk(chunk, encodingOf(encoding))
      inside = true
      try {
        return original.apply(this, args)
      } finally {
        inside = false
      }
    }
  response.write = wrap(response.write as Write) as typeof response.write
  response.end = wrap(response.end as Write) as typeof response.end
}

/** Adds the sizes of the chunks of the request's body, as they arrive. */
export function countRequest(request: IncomingMessage, bytes: { in: number }): void {
  const push = request.push as (this: unknown, ...args: unknown[]) => boolean
  request.push = function (this: unknown, ...args: unknown[]) {
    const [chunk] = args
    if (chunk instanceof Uint8Array) bytes.in += chunk.byteLength
    return push.apply(this, args)
  }
}

function isChunk(chunk: unknown): chunk is Uint8Array | string {
  return typeof chunk === 'string' || chunk instanceof Uint8Array
}

function encodingOf(encoding: unknown): BufferEncoding {
  return typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8'
}

/** Whether Node sends a body. */
export function hasBody(method: string, status: number): boolean {
  return method !== 'HEAD' && isBodyStatus(status)
}

function isBodyStatus(status: number): boolean {
  return status !== 204 && status !== 304
}
