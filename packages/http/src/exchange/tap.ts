import type { IncomingMessage, ServerResponse } from 'node:http'

type Write = (this: unknown, chunk?: unknown, encoding?: unknown, ...rest: unknown[]) => unknown

/**
 * Calls `onChunk` for every chunk of the response's body, by wrapping `write` and `end` of this response.
 *
 * It is not called for bodies that Node does not send (HEAD, 204, 304).
 */
export function tapResponse(
  response: ServerResponse,
  method: string,
  onChunk: (chunk: Uint8Array | string, encoding: BufferEncoding) => void,
): void {
  // On HTTP/2 `end` calls `write`: count only the outermost call.
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

/** Calls `onBytes` with the number of bytes of each chunk of the request's body, as it arrives. */
export function countRequest(request: IncomingMessage, onBytes: (bytes: number) => void): void {
  const push = request.push as (this: unknown, ...args: unknown[]) => boolean
  request.push = function (this: unknown, ...args: unknown[]) {
    const [chunk] = args
    if (chunk instanceof Uint8Array) onBytes(chunk.byteLength)
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
  return method !== 'HEAD' && status !== 204 && status !== 304
}
